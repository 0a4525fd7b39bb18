using System.Text.Json.Nodes;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd.Fleet;

/// <summary>One host with its engine and its relay.</summary>
internal sealed class FleetMember : IAsyncDisposable
{
    private const string ContainerPrefix = "mandelboxes-demo-";

    private readonly ScratchDirectory _directory = new();
    private readonly IAsyncDisposable _engine;
    private EngineHistory? _history;
    private ServiceProcess? _service;
    private ServiceProcess? _relay;

    private FleetMember(IAsyncDisposable engine, int slots) => (_engine, Slots) = (engine, slots);

    public int Slots { get; }

    public ServiceProcess Service => _service!;

    public string Name => Service.Settings.InstanceName;

    /// <summary>Each container that its engine has had for a mandelbox, with the mandelbox's id.</summary>
    public IReadOnlyList<(string Id, ContainerLife Life)> History =>
    [
        .. _history!.Lives.Where(life => life.Name.StartsWith(ContainerPrefix, StringComparison.Ordinal))
            .Select(life => (life.Name[ContainerPrefix.Length..], life)),
    ];

    public string RelayLog => _relay?.Log.Text ?? "";

    /// <param name="slots">How many mandelboxes it takes.</param>
    /// <param name="machine">Where it runs; null for this machine's loopback.</param>
    public static async Task<FleetMember> StartAsync(int slots, Machine? machine = null)
    {
        var engine = await InstantEngine.StartAsync(seed: 1);
        return await StartAsync(engine, engine.Endpoint, slots, machine);
    }

    /// <summary>With a real engine of its own, on its machine.</summary>
    public static async Task<FleetMember> StartRealAsync(int slots, Machine machine)
    {
        var engine = await EngineFixture.StartOwnAsync(machine.Network);
        return await StartAsync(engine, engine.Endpoint, slots, machine);
    }

    /// <summary>Begins another relay; returns at once.</summary>
    public async Task StartRelayAsync(string fleet, params (string Key, string Value)[] settings) =>
        _relay = await ServiceProcess.LaunchAsync(Service.Settings.With([("Relay__Fleet", fleet), .. settings]), "relay");

    public async Task KillRelayAsync()
    {
        await _relay!.KillAsync();
        await _relay.DisposeAsync();
        _relay = null;
    }

    /// <summary>The relay has written this.</summary>
    public Task<string> RelayLineAsync(string part) => _relay!.Log.LineAsync(part).WaitAsync(TimeSpan.FromSeconds(60));

    /// <summary>Starts the service that was killed again; its mandelboxes go on.</summary>
    public async Task RestartServiceAsync()
    {
        await Service.DisposeAsync();
        _service = await ServiceProcess.StartAsync(Service.Settings.With(("Host__OnLeftovers", "reattach")));
    }

    /// <summary>The ids of its mandelboxes, as it says itself.</summary>
    public async Task<IReadOnlyList<string>> MandelboxesAsync() =>
        [.. JsonNode.Parse(await Service.Http.GetStringAsync("/v1/mandelboxes"))!.AsArray().Select(m => (string)m!["mandelboxId"]!)];

    public async ValueTask DisposeAsync()
    {
        if (_relay is not null)
        {
            await _relay.DisposeAsync();
        }

        if (_service is not null)
        {
            await _service.DisposeAsync();
        }

        if (_history is not null)
        {
            await _history.DisposeAsync();
        }

        await _engine.DisposeAsync();
        _directory.Dispose();
    }

    private static async Task<FleetMember> StartAsync(IAsyncDisposable engine, Uri endpoint, int slots, Machine? machine)
    {
        var host = new FleetMember(engine, slots);
        try
        {
            host._history = await EngineHistory.StartAsync(endpoint);
            var settings = ServiceSettings.Local(endpoint, host._directory)
                .With(("Orleans__ExternalClients", "true"), ("Host__CpuOnlySlots", slots.ToString()));
            host._service = await ServiceProcess.StartAsync(settings with { Network = machine?.Network });
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }
}
