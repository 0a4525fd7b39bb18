using HostService.GrainInterfaces;
using HostService.GrainInterfaces.Fleet;
using HostService.Grains;
using HostService.Grains.Fleet;
using HostService.Silo.Hosting;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Metadata;
using Orleans.Storage;
using Orleans.TestingHost;

namespace HostService.Tests.Cluster.Fleet;

/// <summary>A control silo with the grains of a fleet; the hosts behind their connections are fake.</summary>
public sealed class FleetCluster : IAsyncDisposable
{
    private readonly Dictionary<FakeHost, IHostConnection> _connections = [];
    private InProcessTestCluster _cluster = null!;

    public ManualClock Clock { get; } = new();

    public FakeStorage Storage { get; } = new();

    public Action<FleetOptions> Configure { get; init; } = _ => { };

    /// <summary>Whether time and storage are the test's; else they are as in a real silo, with Orleans' storage in memory.</summary>
    public bool IsDriven { get; init; } = true;

    public IFleetGrain Fleet => _cluster.Client.GetGrain<IFleetGrain>(FleetKeys.Fleet);

    public static SpinUpRequest Request(string user = "user", ulong session = 1, string app = "browsers/chrome") =>
        new(user, app, "0123456789abcdef", session);

    public static PlacementRequest Wish(string id, string? host = null) => new(id, "browsers/chrome", new PlacementWishes(Host: host));

    public async Task<FleetCluster> StartAsync()
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.UseSteadyClock();
            silo.Services.AddFleetGrains();
            silo.Services.AddKeyedSingleton<IGrainStorage>(FleetStorage.Name, Storage);

            silo.Services.AddSingleton<IConfigureGrainTypeComponents>(new ClockOfGrains(Clock));
            silo.Services.Configure<FleetOptions>(options => Configure(options));
        });
        _cluster = builder.Build();
        await _cluster.DeployAsync();
        return this;
    }

    public IFleetRolloutGrain Rollout => _cluster.Client.GetGrain<IFleetRolloutGrain>(FleetKeys.Fleet);

    public IFleetHostGrain Host(string name) => _cluster.Client.GetGrain<IFleetHostGrain>(name);

    public IFleetMandelboxGrain Mandelbox(string id) => _cluster.Client.GetGrain<IFleetMandelboxGrain>(id);

    public Task<FleetSpinUpAnswer> SpinUpAsync(string id, string? host = null) =>
        Mandelbox(id).SpinUp(Request(), new PlacementWishes(Host: host));

    /// <summary>A host that is connected and has reported.</summary>
    public async Task<FakeHost> ConnectAsync(string name, int free = 10)
    {
        var host = new FakeHost(name) { Free = free };
        await Host(name).Connected(ConnectionOf(host));
        await ReportAsync(host);
        return host;
    }

    /// <summary>Orleans holds observers weakly: this holds them.</summary>
    public IHostConnection ConnectionOf(FakeHost host)
    {
        if (!_connections.TryGetValue(host, out var connection))
        {
            connection = _connections[host] = _cluster.Client.CreateObjectReference<IHostConnection>(host);
        }

        return connection;
    }

    /// <summary>Reports, and returns once the fleet knows.</summary>
    public async Task<HostReport> ReportAsync(FakeHost host, HostReport? report = null)
    {
        report ??= host.Report;
        await Host(host.Name).Report(ConnectionOf(host), report);
        await UntilAsync(async () => (await Fleet.ListHosts()).Any(h => h.Report.Host == host.Name && Same(h.Report, report)));
        return report;

        static bool Same(HostReport one, HostReport other) =>
            (one.Free, one.Status, one.StartedAt, one.Version, one.Upgrade, string.Join(' ', one.Mandelboxes))
            == (other.Free, other.Status, other.StartedAt, other.Version, other.Upgrade, string.Join(' ', other.Mandelboxes));
    }

    /// <summary>Asks again after every answer.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!await condition())
        {
            Assert.False(late.IsCancellationRequested);
        }
    }

    public async ValueTask DisposeAsync() => await _cluster.DisposeAsync();

    /// <summary>Gives the grains of a fleet the clock of the test. Orleans itself keeps the system's: it would stand still with this.</summary>
    private sealed class ClockOfGrains(ManualClock clock) : IConfigureGrainTypeComponents
    {
        public void Configure(GrainType grainType, GrainProperties properties, GrainTypeSharedContext shared)
        {
            Func<IServiceProvider, IGrainContext, object>? create = grainType.ToString() switch
            {
                "fleet" => (services, _) => ActivatorUtilities.CreateInstance<FleetGrain>(services, clock),
                "fleethost" => (services, _) => ActivatorUtilities.CreateInstance<FleetHostGrain>(services, clock),
                "fleetmandelbox" => (services, context) => ActivatorUtilities.CreateInstance<FleetMandelboxGrain>(
                    services,
                    services.GetRequiredService<IPersistentStateFactory>().Create<FleetPlace>(
                        context, new PersistentStateAttribute("place", FleetStorage.Name)),
                    clock),
                "fleetrollout" => (services, context) => ActivatorUtilities.CreateInstance<FleetRolloutGrain>(
                    services,
                    services.GetRequiredService<IPersistentStateFactory>().Create<KeptRollout>(
                        context, new PersistentStateAttribute("rollout", FleetStorage.Name)),
                    clock),
                _ => null,
            };
            if (create is not null)
            {
                shared.SetComponent<IGrainActivator>(new Activator(create));
            }
        }

        private sealed class Activator(Func<IServiceProvider, IGrainContext, object> create) : IGrainActivator
        {
            public object CreateInstance(IGrainContext context) => create(context.ActivationServices, context);

            public ValueTask DisposeInstance(IGrainContext context, object instance) => ValueTask.CompletedTask;
        }
    }
}
