using System.Collections.ObjectModel;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;

namespace Orleans.TestingHost;

/// <summary>What an in-process cluster consists of.</summary>
public sealed class InProcessTestClusterOptions
{
    public string ClusterId { get; set; } = null!;

    public string ServiceId { get; set; } = null!;

    /// <summary>One: this stand-in is one process with one silo.</summary>
    public short InitialSilosCount { get; set; }

    public bool InitializeClientOnDeploy { get; set; }

    public List<Action<InProcessTestSiloSpecificOptions, IHostApplicationBuilder>> SiloHostConfigurationDelegates { get; } = [];

    public List<Action<IHostApplicationBuilder>> ClientHostConfigurationDelegates { get; } = [];
}

/// <summary>What one silo of it is called.</summary>
public sealed class InProcessTestSiloSpecificOptions
{
    public int SiloPort { get; set; }

    public int GatewayPort { get; set; }

    public string SiloName { get; set; } = null!;
}

/// <summary>Builds an <see cref="InProcessTestCluster"/>.</summary>
public sealed class InProcessTestClusterBuilder
{
    public InProcessTestClusterBuilder()
        : this(1)
    {
    }

    public InProcessTestClusterBuilder(short initialSilosCount)
    {
        Options = new InProcessTestClusterOptions
        {
            InitialSilosCount = initialSilosCount,
            ClusterId = CreateClusterId(),
            ServiceId = Guid.NewGuid().ToString("N"),
            InitializeClientOnDeploy = true,
        };
    }

    public InProcessTestClusterOptions Options { get; }

    public static string CreateClusterId() => TestClusterBuilder.CreateClusterId();

    public InProcessTestCluster Build() => new(Options);

    public InProcessTestClusterBuilder ConfigureSilo(Action<InProcessTestSiloSpecificOptions, ISiloBuilder> configureSiloDelegate) =>
        ConfigureSiloHost((options, host) => host.UseOrleans(silo => configureSiloDelegate(options, silo)));

    public InProcessTestClusterBuilder ConfigureSiloHost(Action<InProcessTestSiloSpecificOptions, IHostApplicationBuilder> configureSiloHostDelegate)
    {
        Options.SiloHostConfigurationDelegates.Add(configureSiloHostDelegate);
        return this;
    }

    public InProcessTestClusterBuilder ConfigureClient(Action<IClientBuilder> configureClientDelegate) =>
        ConfigureClientHost(host => host.UseOrleansClient(configureClientDelegate));

    public InProcessTestClusterBuilder ConfigureClientHost(Action<IHostApplicationBuilder> configureHostDelegate)
    {
        Options.ClientHostConfigurationDelegates.Add(configureHostDelegate);
        return this;
    }

    public InProcessTestClusterBuilder ConfigureHost(Action<IHostApplicationBuilder> configureDelegate)
    {
        Options.SiloHostConfigurationDelegates.Add((_, host) => configureDelegate(host));
        Options.ClientHostConfigurationDelegates.Add(configureDelegate);
        return this;
    }
}

/// <summary>A silo and a client for tests, configured by delegates.</summary>
public sealed class InProcessTestCluster : IDisposable, IAsyncDisposable
{
    private InProcessSiloHandle? _silo;
    private TestClient? _client;

    internal InProcessTestCluster(InProcessTestClusterOptions options)
    {
        Options = options;
    }

    public InProcessTestClusterOptions Options { get; }

    public IClusterClient Client => _client?.Client ?? throw new InvalidOperationException("The cluster has no client: it was not deployed, or its client was stopped.");

    public ReadOnlyCollection<InProcessSiloHandle> Silos => new(_silo is null ? [] : [_silo]);

    public async Task DeployAsync()
    {
        if (_silo is not null)
            throw new InvalidOperationException("Cluster host already deployed.");
        if (Options.InitialSilosCount != 1)
        {
            throw new NotSupportedException(
                $"compat/Orleans is one process with one silo, but {Options.InitialSilosCount} were asked for: use new {nameof(InProcessTestClusterBuilder)}(1).");
        }

        try
        {
            var host = BuildSilo(new InProcessTestSiloSpecificOptions { SiloName = "Silo_0" });
            await host.StartAsync();
            _silo = InProcessSiloHandle.Of(host, "Silo_0", 0);
            if (Options.InitializeClientOnDeploy)
                await InitializeClientAsync();
        }
        catch
        {
            await StopAllSilosAsync();
            throw;
        }
    }

    public async Task InitializeClientAsync() => _client = await TestClient.Start(BuildClient(_silo!.Runtime));

    public async Task StopClusterClientAsync()
    {
        if (Interlocked.Exchange(ref _client, null) is { } client)
            await client.DisposeAsync();
    }

    public Task KillClientAsync() => StopClusterClientAsync();

    public void StopAllSilos() => StopAllSilosAsync().GetAwaiter().GetResult();

    public Task StopSilosAsync() => StopAllSilosAsync();

    public async Task StopAllSilosAsync()
    {
        await StopClusterClientAsync();
        if (Interlocked.Exchange(ref _silo, null) is { } silo)
            await silo.DisposeAsync();
    }

    public Task StopSiloAsync(InProcessSiloHandle instance) => instance == _silo ? StopAllSilosAsync() : instance.StopSiloAsync(true);

    public IEnumerable<InProcessSiloHandle> GetActiveSilos() => Silos.Where(s => s.IsActive);

    public InProcessSiloHandle? GetSiloForAddress(SiloAddress siloAddress) => Silos.FirstOrDefault(s => s.SiloAddress.Equals(siloAddress));

    public IServiceProvider GetSiloServiceProvider(SiloAddress? silo = null) =>
        (silo is null ? _silo : GetSiloForAddress(silo))?.ServiceProvider ?? throw new ArgumentException($"The test cluster has no silo at {silo}.", nameof(silo));

    public bool TryGetGrainContext(GrainId grainId, [NotNullWhen(true)] out IGrainContext? grainContext)
    {
        grainContext = _silo?.Runtime.FindActivation(grainId);
        return grainContext is not null;
    }

    public async Task DeactivateAsync(GrainId grainId)
    {
        if (!TryGetGrainContext(grainId, out var context))
            return;
        context.Deactivate(new DeactivationReason(DeactivationReasonCode.ApplicationRequested, "The test cluster was asked to."), CancellationToken.None);
        await context.Deactivated;
    }

    public Task DeactivateAsync(IAddressable grain) => DeactivateAsync(grain.GetGrainId());

    public async Task WaitForDeactivationAsync(GrainId grainId)
    {
        if (TryGetGrainContext(grainId, out var context))
            await context.Deactivated;
    }

    public Task WaitForDeactivationAsync(IAddressable grain) => WaitForDeactivationAsync(grain.GetGrainId());

    public Task WaitForLivenessToStabilizeAsync(bool didKill = false) => Task.CompletedTask;

    public async ValueTask DisposeAsync() => await StopAllSilosAsync();

    public void Dispose() => StopAllSilos();

    private static HostApplicationBuilder NewHost(string name) => Host.CreateApplicationBuilder(new HostApplicationBuilderSettings
    {
        ApplicationName = name,
        EnvironmentName = Environments.Development,
        DisableDefaults = true,
    });

    private IHost BuildSilo(InProcessTestSiloSpecificOptions silo)
    {
        var builder = NewHost(silo.SiloName);
        foreach (var configure in Options.SiloHostConfigurationDelegates)
            configure(silo, builder);
        builder.UseOrleans(orleans =>
        {
            orleans.Configure<ClusterOptions>(options =>
            {
                options.ClusterId = Options.ClusterId;
                options.ServiceId = Options.ServiceId;
            });
            orleans.Configure<SiloOptions>(options => options.SiloName = silo.SiloName);
            orleans.Services.TryAddSingleton<ClusteringChosen>();
        });
        return builder.Build();
    }

    private IHost BuildClient(SiloRuntime silo)
    {
        var builder = NewHost("client");
        foreach (var configure in Options.ClientHostConfigurationDelegates)
            configure(builder);
        builder.UseOrleansClient();
        TestClient.Connect(builder.Services, silo);
        return builder.Build();
    }
}
