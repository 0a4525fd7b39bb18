using HostService.GrainInterfaces;
using HostService.Grains;
using HostService.Grains.Host;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Linux.Network;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Silo.Hosting;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;

namespace HostService.Tests.Cluster;

/// <summary>A silo with the real grains and the real file system; the rest of the machine is fake.</summary>
public sealed class HostCluster : IAsyncDisposable
{
    public const string InstanceName = "test-host";
    public const string Run = "this-run";

    private const string AgentLabel = "com.amazonaws.ecs.container-name";

    private readonly HashSet<(string Reason, bool Force)> _shutdowns = [];
    private InProcessTestCluster _cluster = null!;

    public string Root { get; } = Directory.CreateTempSubdirectory("host-cluster-").FullName;

    public string RuntimeRoot => $"{Root}-run";

    public FakeContainerEngine Engine { get; } = new();

    public FakePortProbe Ports { get; } = new();

    public FakeInputDevices Input { get; } = new();

    public FakeDatabase Database { get; } = new();

    public FakeUserConfigs UserConfigs { get; } = new();

    public FakeCloudStorage CloudStorage { get; } = new();

    public RecordingWatcher Watcher { get; } = new();

    public HostEnvironment Environment { get; init; } = HostEnvironment.LocalDev;

    public IReadOnlyList<GpuDescription> Gpus { get; init; } = [];

    public Action<MandelboxOptions> Configure { get; init; } = _ => { };

    /// <summary>Whether the host takes spin-ups from the start.</summary>
    public bool Start { get; init; } = true;

    /// <summary>The number of network sandboxes that are kept ready.</summary>
    public int SandboxPool { get; init; }

    /// <summary>Replaces or adds services.</summary>
    public Action<IServiceCollection> Replace { get; init; } = _ => { };

    /// <summary>The shutdowns that the grains requested.</summary>
    public IReadOnlyCollection<(string Reason, bool Force)> Shutdowns => _shutdowns;

    /// <summary>How often a restart has begun.</summary>
    public int Restarts { get; private set; }

    public IHostGrain Host => HostNamed(InstanceName);

    /// <summary>Called by the tests in place of the real event stream.</summary>
    public ContainerEventDispatcher Events { get; private set; } = null!;

    public SandboxKeeper Sandboxes => Services.GetRequiredService<SandboxKeeper>();

    public IServiceProvider Services => _cluster.Silos[0].ServiceProvider;

    public IHostGrain HostNamed(string instanceName) => _cluster.Client.GetGrain<IHostGrain>(HostKeys.Host(instanceName));

    public IMandelboxGrain Mandelbox(string id) => _cluster.Client.GetGrain<IMandelboxGrain>(id);

    public IMandelboxLogGrain LogsOf(string id) => _cluster.Client.GetGrain<IMandelboxLogGrain>(id);

    public static SpinUpRequest Request(string user = "user", ulong session = 1) =>
        new(user, "mandelboxes/demo", "0123456789abcdef", session);

    public async Task<HostCluster> StartAsync()
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.UseSteadyClock();
            var services = silo.Services;
            services.AddSingleton<IContainerEngine>(Engine);
            services.AddSingleton<IPortProbe>(Ports);
            services.AddSingleton<IInputDevices>(Input);
            services.AddSingleton<IBackendDatabase>(Database);
            services.AddSingleton<IUserConfigStore>(UserConfigs);
            services.AddSingleton<ICloudStorage>(CloudStorage);
            services.AddSingleton<IMandelboxFiles>(new MandelboxFiles(TimeProvider.System));
            services.AddSingleton<IMandelboxWatcher>(Watcher);
            services.AddSingleton<IShutdownSignal>(new RecordingShutdown(_shutdowns));
            services.AddSingleton<IShutdownControl>(new RecordingControl(() => Restarts++));
            services.AddMandelboxes();
            services.Configure<DockerOptions>(o => o.SandboxPool = SandboxPool);
            Replace(services);
            services.Configure<HostOptions>(o => (o.Root, o.RuntimeRoot) = (Root, RuntimeRoot));
            services.Configure<MandelboxOptions>(o =>
            {
                o.RetryAfter = TimeSpan.FromMilliseconds(1);
                Configure(o);
            });
            services.AddSingleton(new HostInfoSource(new HostInfo
            {
                Run = Run,
                Identity = new HostIdentity(InstanceName, "i-1", "g4dn.xlarge", "ami-1", "us-east-1", "127.0.0.1"),
                Environment = Environment,
                Gpus = Gpus,
            }));
        });
        _cluster = builder.Build();
        await _cluster.DeployAsync();
        Events = Services.GetRequiredService<ContainerEventDispatcher>();
        Services.GetRequiredService<ContainerCapabilitiesSource>().Current = new ContainerCapabilities { Fuse = true };
        if (Start)
        {
            await Host.SetStatus(HostStatus.Active);
        }

        if (SandboxPool > 0)
        {
            Engine.Images.Add(FakeContainerEngine.SandboxImage);
            await Sandboxes.StartAsync(CancellationToken.None);
            await UntilPoolIsReadyAsync();
        }

        return this;
    }

    /// <summary>Everything that a mandelbox can hold has been released. A container that has ended stays where the ECS agent made it.</summary>
    public async Task AssertNothingIsHeldAsync()
    {
        await UntilPoolIsReadyAsync();
        var host = await Host.Describe();
        var ready = (await Host.ListSandboxes()).Select(sandbox => sandbox.Name).ToList();
        Assert.Equal(
            (0, 2 * ready.Count, ready.Count, 0), (host.Ttys.Used, host.TcpPorts.Used, host.UdpPorts.Used, host.Slots.Used));
        Assert.Equal((0, 0), (host.Mandelboxes, host.Leaks));
        Assert.DoesNotContain(Engine.Containers, c => !ready.Contains(c.Name) && (c.Running || !c.Labels.ContainsKey(AgentLabel)));
        Assert.Equal(0, Input.Open);
        Assert.Empty(CloudStorage.Mounted);
        Assert.Empty(CloudStorage.Prepared);
        Assert.Empty(Database.Rows);
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(Root, "*", SearchOption.AllDirectories), path => !IsShared(path));
        Assert.DoesNotContain(
            Directory.Exists(RuntimeRoot) ? Directory.EnumerateFiles(RuntimeRoot, "*", SearchOption.AllDirectories) : [],
            path => path != new HostOptions { Root = Root, RuntimeRoot = RuntimeRoot }.EndedFile);
    }

    /// <summary>
    /// The pool of network sandboxes is full, and no other sandbox is there. Asked again after every answer: the host hears of a change in
    /// the engine a moment later.
    /// </summary>
    public async Task UntilPoolIsReadyAsync()
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (await Host.ListSandboxes() is var all
            && SandboxPool > 0 && (all.Count != SandboxPool || all.Any(sandbox => sandbox.State != SandboxState.Ready)))
        {
            Assert.False(late.IsCancellationRequested, string.Join(", ", all));
        }
    }

    /// <summary>Ends a network sandbox, and tells of it as the event stream does: where that fails, everything is compared.</summary>
    public async Task DieSandboxAsync(string sandbox)
    {
        var container = Engine.Containers.Single(c => c.Name == sandbox);
        Engine.Die(sandbox);
        try
        {
            await OnEventAsync("die", container.Id, 0);
        }
        catch (TimeoutException)
        {
            await Events.ReconcileAsync(CancellationToken.None);
        }
    }

    /// <summary>Ends a mandelbox's container and reports it.</summary>
    public Task DieAsync(string id, int exitCode = 137)
    {
        var container = Engine.Containers.Single(c => c.Name.EndsWith($"-{id}", StringComparison.Ordinal));
        Engine.Die(container.Id, exitCode);
        return OnEventAsync("die", container.Id, exitCode);
    }

    /// <summary>Reports an event of a container, as the event stream does.</summary>
    public Task OnEventAsync(string action, string containerId, int? exitCode = null)
    {
        var container = Engine.Containers.Single(c => c.Id == containerId);
        var happened = new ContainerEvent(action, containerId, container.Labels, exitCode, DateTimeOffset.UtcNow) { Name = container.Name };
        return Events.OnEventAsync(happened, CancellationToken.None);
    }

    /// <summary>Deactivates a mandelbox's activation, and returns once that is done.</summary>
    public Task DeactivateAsync(string id) => _cluster.DeactivateAsync(Mandelbox(id)).WaitAsync(TimeSpan.FromSeconds(20));

    /// <summary>Creates a container as the ECS agent does, with the agent's labels.</summary>
    public Task<string> MakeForeignAsync(string name, params PortBinding[] ports) => Engine.CreateAsync(
        new ContainerSpec
        {
            Name = name,
            Image = FakeContainerEngine.DemoImage,
            Labels = new Dictionary<string, string> { [AgentLabel] = name },
            Ports = ports,
        },
        CancellationToken.None);

    /// <summary>Starts a container and reports it; returns once it has been adopted or refused.</summary>
    public async Task StartForeignAsync(string containerId)
    {
        await Engine.StartAsync(containerId, CancellationToken.None);
        await OnEventAsync("start", containerId);
        await Events.WhenIdleAsync();
    }

    /// <summary>Ends a container and reports it.</summary>
    public async Task DieForeignAsync(string containerId)
    {
        Engine.Die(containerId);
        await OnEventAsync("die", containerId);
    }

    public async ValueTask DisposeAsync()
    {
        await Sandboxes.StopAsync(CancellationToken.None);
        await _cluster.DisposeAsync();
        Directory.Delete(Root, recursive: true);
        if (Directory.Exists(RuntimeRoot))
        {
            Directory.Delete(RuntimeRoot, recursive: true);
        }
    }

    // Directories of the host, not of one mandelbox.
    private bool IsShared(string path) => path == Path.Combine(Root, "temp") || path == Path.Combine(Root, "temp", "logs");

    private sealed class RecordingShutdown(HashSet<(string Reason, bool Force)> requests) : IShutdownSignal
    {
        public void Request(string reason, bool force) => requests.Add((reason, force));
    }

    private sealed class RecordingControl(Action restart) : IShutdownControl
    {
        public string? CancelDrain() => "this host is not draining";

        public void Restart() => restart();
    }
}
