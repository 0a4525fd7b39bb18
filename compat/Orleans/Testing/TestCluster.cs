using System.Collections.ObjectModel;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Orleans.Hosting;
using Orleans.Runtime;

namespace Orleans.TestingHost;

/// <summary>A silo and a client for tests, both in this process. Several clusters live side by side and know nothing of each other.</summary>
public class TestCluster : IDisposable, IAsyncDisposable
{
    private readonly List<SiloHandle> _silos = [];
    private TestClient? _client;
    private bool _disposed;

    internal TestCluster(TestClusterOptions options, IReadOnlyList<IConfigurationSource> configurationSources)
    {
        Options = options;
        ConfigurationSources = configurationSources;
    }

    public TestClusterOptions Options { get; }

    public IReadOnlyList<IConfigurationSource> ConfigurationSources { get; }

    public SiloHandle? Primary => Silos is [var first, ..] ? first : null;

    public IReadOnlyList<SiloHandle> SecondarySilos => [];

    public ReadOnlyCollection<SiloHandle> Silos
    {
        get
        {
            lock (_silos)
                return new ReadOnlyCollection<SiloHandle>([.. _silos]);
        }
    }

    public IClusterClient Client => _client?.Client ?? throw new InvalidOperationException("The cluster has no client: it was not deployed, or its client was stopped.");

    public IGrainFactory GrainFactory => Client;

    public IServiceProvider ServiceProvider => Client.ServiceProvider;

    public void Deploy() => DeployAsync().GetAwaiter().GetResult();

    public async Task DeployAsync()
    {
        if (Silos.Count > 0)
            throw new InvalidOperationException("Cluster host already deployed.");
        if (Options.InitialSilosCount != 1)
        {
            throw new NotSupportedException(
                $"compat/Orleans is one process with one silo, but {Options.InitialSilosCount} were asked for: use new {nameof(TestClusterBuilder)}(1).");
        }

        try
        {
            var host = BuildSilo(Configuration());
            await host.StartAsync();
            lock (_silos)
                _silos.Add(InProcessSiloHandle.Of(host, "Primary", 0));
            if (Options.InitializeClientOnDeploy)
                await InitializeClientAsync();
        }
        catch
        {
            await StopAllSilosAsync();
            throw;
        }
    }

    public async Task InitializeClientAsync()
    {
        var silo = ((InProcessSiloHandle)Primary!).Runtime;
        _client = await TestClient.Start(BuildClient(Configuration(), silo));
    }

    public async Task StopClusterClientAsync()
    {
        if (Interlocked.Exchange(ref _client, null) is { } client)
            await client.DisposeAsync();
    }

    public Task KillClientAsync() => StopClusterClientAsync();

    public Task StopPrimarySiloAsync() => StopAllSilosAsync();

    public Task StopSecondarySilosAsync() => Task.CompletedTask;

    public void StopAllSilos() => StopAllSilosAsync().GetAwaiter().GetResult();

    public async Task StopAllSilosAsync()
    {
        await StopClusterClientAsync();
        foreach (var silo in Silos)
            await StopSiloAsync(silo);
    }

    public async Task StopSiloAsync(SiloHandle instance)
    {
        ArgumentNullException.ThrowIfNull(instance);
        lock (_silos)
            _silos.Remove(instance);
        await instance.StopSiloAsync(true);
        await instance.DisposeAsync();
    }

    public async Task KillSiloAsync(SiloHandle instance)
    {
        ArgumentNullException.ThrowIfNull(instance);
        lock (_silos)
            _silos.Remove(instance);
        await instance.StopSiloAsync(false);
        await instance.DisposeAsync();
    }

    public IEnumerable<SiloHandle> GetActiveSilos() => Silos.Where(s => s.IsActive);

    public SiloHandle? GetSiloForAddress(SiloAddress siloAddress) => Silos.FirstOrDefault(s => s.SiloAddress.Equals(siloAddress));

    public IServiceProvider GetSiloServiceProvider(SiloAddress? silo = null) =>
        ((InProcessSiloHandle?)(silo is null ? Primary : GetSiloForAddress(silo)))?.ServiceProvider
        ?? throw new ArgumentException($"The test cluster has no silo at {silo}.", nameof(silo));

    public bool TryGetGrainContext(GrainId grainId, [NotNullWhen(true)] out IGrainContext? grainContext)
    {
        grainContext = (Primary as InProcessSiloHandle)?.Runtime.FindActivation(grainId);
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

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
            return;
        _disposed = true;
        await StopAllSilosAsync();
        GC.SuppressFinalize(this);
    }

    public void Dispose()
    {
        DisposeAsync().AsTask().GetAwaiter().GetResult();
        GC.SuppressFinalize(this);
    }

    private static IHostBuilder NewHost(IConfiguration configuration) => new HostBuilder()
        .UseEnvironment(Environments.Development)
        .ConfigureHostConfiguration(builder => builder.AddConfiguration(configuration));

    private static IEnumerable<object> Configurators(IEnumerable<string?> types) =>
        types.Select(type => Activator.CreateInstance(Type.GetType(type!, throwOnError: true)!)!);

    private IConfigurationRoot Configuration()
    {
        var builder = new ConfigurationBuilder();
        foreach (var source in ConfigurationSources)
            builder.Add(source);
        builder.AddInMemoryCollection([KeyValuePair.Create<string, string?>("Orleans:Name", "Primary")]);
        return builder.Build();
    }

    private IHost BuildSilo(IConfiguration configuration)
    {
        var builder = NewHost(configuration).UseOrleans(_ => { });
        foreach (var configurator in Configurators(Options.SiloBuilderConfiguratorTypes))
        {
            (configurator as IHostConfigurator)?.Configure(builder);
            if (configurator is ISiloConfigurator silo)
                builder.UseOrleans(silo.Configure);
        }

        return builder.Build();
    }

    private IHost BuildClient(IConfiguration configuration, SiloRuntime silo)
    {
        var builder = NewHost(configuration).UseOrleansClient();
        foreach (var configurator in Configurators(Options.ClientBuilderConfiguratorTypes))
        {
            (configurator as IHostConfigurator)?.Configure(builder);
            if (configurator is IClientBuilderConfigurator client)
                builder.UseOrleansClient(clientBuilder => client.Configure(configuration, clientBuilder));
        }

        return builder.ConfigureServices(services => TestClient.Connect(services, silo)).Build();
    }
}
