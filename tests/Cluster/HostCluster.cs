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
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;

namespace HostService.Tests.Cluster;

/// <summary>A silo with the real grains and the real file system over a machine in memory.</summary>
public sealed class HostCluster : IAsyncDisposable
{
    public const string InstanceName = "test-host";

    private readonly HashSet<string> _shutdowns = [];
    private InProcessTestCluster _cluster = null!;

    public string Root { get; } = Directory.CreateTempSubdirectory("host-cluster-").FullName;

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

    /// <summary>Puts something real in the place of a fake.</summary>
    public Action<IServiceCollection> Replace { get; init; } = _ => { };

    /// <summary>What the grains asked of the service's way out.</summary>
    public IReadOnlyCollection<string> Shutdowns => _shutdowns;

    public IHostGrain Host => HostNamed(InstanceName);

    /// <summary>Takes events to the mandelboxes, as the real event stream does.</summary>
    public ContainerEventDispatcher Events { get; private set; } = null!;

    public IHostGrain HostNamed(string instanceName) => _cluster.Client.GetGrain<IHostGrain>(HostKeys.Host(instanceName));

    public IMandelboxGrain Mandelbox(string id) => _cluster.Client.GetGrain<IMandelboxGrain>(id);

    public static SpinUpRequest Request(string user = "user", ulong session = 1) => new(user, "mandelboxes/demo", "0123456789abcdef", session);

    public async Task<HostCluster> StartAsync()
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) =>
        {
            var services = silo.Services;
            services.AddSingleton<IContainerEngine>(Engine);
            services.AddSingleton<IPortProbe>(Ports);
            services.AddSingleton<IInputDevices>(Input);
            services.AddSingleton<IBackendDatabase>(Database);
            services.AddSingleton<IUserConfigStore>(UserConfigs);
            services.AddSingleton<ICloudStorage>(CloudStorage);
            services.AddSingleton<IMandelboxFiles>(new MandelboxFiles(TimeProvider.System));
            services.AddSingleton<IMandelboxWatcher>(Watcher);
            services.AddSingleton<IServiceEnd>(new RecordingEnd(_shutdowns));
            Replace(services);
            services.AddMandelboxes();
            services.Configure<HostOptions>(o => o.Root = Root);
            services.Configure<MandelboxOptions>(o =>
            {
                o.RetryAfter = TimeSpan.FromMilliseconds(1);
                Configure(o);
            });
            services.AddSingleton(new HostInfoSource(new HostInfo
            {
                Identity = new HostIdentity(InstanceName, "i-1", "g4dn.xlarge", "ami-1", "us-east-1", "127.0.0.1"),
                Environment = Environment,
                Gpus = Gpus,
            }));
        });
        _cluster = builder.Build();
        await _cluster.DeployAsync();
        Events = _cluster.Silos[0].ServiceProvider.GetRequiredService<ContainerEventDispatcher>();
        _cluster.Silos[0].ServiceProvider.GetRequiredService<ContainerCapabilitiesSource>().Current = new ContainerCapabilities { Fuse = true };
        await Host.SetStatus(HostStatus.Active);
        return this;
    }

    /// <summary>Everything that a mandelbox can hold is back: pools, container, devices, drives, directories.</summary>
    public async Task AssertNothingIsHeldAsync()
    {
        var host = await Host.Describe();
        Assert.Equal((0, 0, 0, 0, 0, 0), (host.Ttys.Used, host.TcpPorts.Used, host.UdpPorts.Used, host.Slots.Used, host.Mandelboxes, host.Leaks));
        Assert.Empty(Engine.Containers);
        Assert.Equal(0, Input.Open);
        Assert.Empty(CloudStorage.Mounted);
        Assert.Empty(CloudStorage.Prepared);
        Assert.Empty(Database.Rows);
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(Root, "*", SearchOption.AllDirectories), path => !IsShared(path));
    }

    /// <summary>Tells the mandelbox of its container's death, as the event stream does.</summary>
    public Task DieAsync(string id, int exitCode = 137)
    {
        var container = Engine.Containers.Single(c => c.Name.EndsWith($"-{id}", StringComparison.Ordinal));
        Engine.Die(container.Id, exitCode);
        return Events.OnEventAsync(new ContainerEvent("die", container.Id, container.Labels, exitCode, DateTimeOffset.UtcNow), CancellationToken.None);
    }

    /// <summary>Sends a mandelbox's activation away, and returns once it has gone.</summary>
    public Task SendAwayAsync(string id) => _cluster.DeactivateAsync(Mandelbox(id)).WaitAsync(TimeSpan.FromSeconds(20));

    /// <summary>A container that somebody else has made, with labels of their own (ECS mode).</summary>
    public Task<string> MakeForeignAsync(string name, params PortBinding[] ports) => Engine.CreateAsync(
        new ContainerSpec
        {
            Name = name,
            Image = FakeContainerEngine.DemoImage,
            Labels = new Dictionary<string, string> { ["com.amazonaws.ecs.container-name"] = name },
            Ports = ports,
        },
        CancellationToken.None);

    /// <summary>Starts a container and tells of it, as the event stream does; returns once it is taken over, or is not going to be.</summary>
    public async Task StartForeignAsync(string containerId)
    {
        await Engine.StartAsync(containerId, CancellationToken.None);
        await OnEventAsync("start", containerId);
        await Events.WhenDoneAsync();
    }

    /// <summary>Ends a container and tells of it.</summary>
    public async Task DieForeignAsync(string containerId)
    {
        Engine.Die(containerId);
        await OnEventAsync("die", containerId);
    }

    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        Directory.Delete(Root, recursive: true);
    }

    private Task OnEventAsync(string action, string containerId) => Events.OnEventAsync(
        new ContainerEvent(action, containerId, Engine.Containers.Single(c => c.Id == containerId).Labels, null, DateTimeOffset.UtcNow), CancellationToken.None);

    // Directories that belong to the host and not to one mandelbox.
    private bool IsShared(string path) => path == Path.Combine(Root, "temp") || path == Path.Combine(Root, "temp", "logs");

    private sealed class RecordingEnd(HashSet<string> reasons) : IServiceEnd
    {
        public void Request(string reason) => reasons.Add(reason);
    }
}
