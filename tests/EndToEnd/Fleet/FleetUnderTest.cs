using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd.Fleet;

/// <summary>A fleet on this machine: its own process, and hosts on engines that run nothing, each with its relay.</summary>
internal sealed class FleetUnderTest : IAsyncDisposable
{
    private static readonly TimeSpan WaitTimeout = TimeSpan.FromSeconds(60);

    private readonly ScratchDirectory _directory = new();
    private readonly List<FleetMember> _hosts = [];
    private readonly Dictionary<string, string> _environment;
    private ServiceProcess _process = null!;

    private FleetUnderTest(IEnumerable<(string Key, string Value)> settings)
    {
        var environment = new Dictionary<string, string>
        {
            ["APP_ENV"] = "LOCALDEV",
            ["Gateway__Port"] = TestPorts.Reserve().ToString(),
            ["Orleans__SiloPort"] = TestPorts.Reserve().ToString(),
            ["Host__PrivateRoot"] = _directory["private"],
            ["Auth__SharedSecret"] = ServiceProcess.Secret,
        };
        foreach (var (key, value) in settings)
        {
            environment[key] = value;
        }

        _environment = environment;
    }

    public string Address => $"https://127.0.0.1:{_environment["Gateway__Port"]}";

    public HttpClient Http { get; private set; } = null!;

    public ServiceProcess Process => _process;

    public static async Task<FleetUnderTest> StartAsync(params (string Key, string Value)[] settings)
    {
        var fleet = await BeginAsync(settings);
        await fleet.ReadyAsync();
        return fleet;
    }

    /// <summary>Starts it and returns at once.</summary>
    public static async Task<FleetUnderTest> BeginAsync(params (string Key, string Value)[] settings)
    {
        var fleet = new FleetUnderTest(settings);
        fleet.Http = ServiceProcess.NewClient(new Uri(fleet.Address));
        fleet._process = await ServiceProcess.BeginCommandAsync(fleet._environment, "fleet");
        return fleet;
    }

    /// <summary>Kills it, and starts it again.</summary>
    public async Task RestartAsync()
    {
        await _process.KillAsync();
        await _process.DisposeAsync();
        _process = await ServiceProcess.BeginCommandAsync(_environment, "fleet");
        await ReadyAsync();
    }

    /// <summary>A host whose relay is connected, and which the fleet knows.</summary>
    public async Task<FleetMember> AddHostAsync(int slots = 4, params (string Key, string Value)[] relay)
    {
        var host = await FleetMember.StartAsync(slots);
        _hosts.Add(host);
        await host.StartRelayAsync(Address, relay);
        await UntilHostAsync(host, "ready");
        return host;
    }

    /// <summary>The fleet says this of the host.</summary>
    public async Task UntilHostAsync(FleetMember host, string state)
    {
        // As 'fleet hosts' says it.
        await UntilAsync(
            async () => await HostAsync(host.Name) is { } known && StateOf(known) == state,
            () => $"host {host.Name} was not {state}:\n{_process.Log.Text}\nrelay:\n{host.RelayLog}");
    }

    public async Task<JsonNode?> HostAsync(string name) =>
        JsonNode.Parse(await Http.GetStringAsync("/v1/fleet/hosts"))!.AsArray().FirstOrDefault(h => (string)h!["report"]!["host"]! == name);

    public async Task<(HttpStatusCode Status, JsonNode Answer)> PlaceAsync(string id, params (string Key, string Value)[] wishes)
    {
        var body = RunningService.SpinUp(id);
        foreach (var (key, value) in wishes)
        {
            body[key] = value;
        }

        using var response = await Http.PostAsJsonAsync("/v1/fleet/mandelboxes", body);
        return (response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
    }

    /// <summary>Anything but success fails the test. Returns the name of the host.</summary>
    public async Task<string> PlacedAsync(string id, params (string Key, string Value)[] wishes)
    {
        var (status, answer) = await PlaceAsync(id, wishes);
        Assert.True(status == HttpStatusCode.OK, $"{status} {answer}\n{_process.Log.Text}");
        return (string)answer["host"]!;
    }

    public async Task UntilAsync(Func<Task<bool>> holds, Func<string> otherwise)
    {
        using var late = new CancellationTokenSource(WaitTimeout);
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!await holds())
        {
            try
            {
                await pace.WaitForNextTickAsync(late.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail(otherwise());
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var host in _hosts)
        {
            await host.DisposeAsync();
        }

        await _process.DisposeAsync();
        Http.Dispose();
        _directory.Dispose();
    }

    private async Task ReadyAsync()
    {
        try
        {
            await _process.Output.LineAsync("host-service fleet ready on ").WaitAsync(WaitTimeout);
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"the fleet did not become ready:\n{_process.Log.Text}", exception);
        }
    }

    private static string StateOf(JsonNode host) =>
        host["away"] is not null ? "away"
        : (string)host["report"]!["status"]! != "Active" ? ((string)host["report"]!["status"]!).ToLowerInvariant()
        : host["report"]!["notReady"]!.AsArray().Count > 0 ? "not_ready"
        : "ready";
}

/// <summary>One host with its engine and its relay.</summary>
internal sealed class FleetMember : IAsyncDisposable
{
    private const string ContainerPrefix = "mandelboxes-demo-";

    private readonly ScratchDirectory _directory;
    private readonly InstantEngine _engine;
    private ServiceProcess? _relay;

    private FleetMember(ScratchDirectory directory, InstantEngine engine, ServiceProcess service) =>
        (_directory, _engine, Service) = (directory, engine, service);

    public ServiceProcess Service { get; }

    public string Name => Service.Settings.InstanceName;

    /// <summary>The ids of the mandelboxes whose containers its engine has, also when its service is dead.</summary>
    public IReadOnlyList<string> InEngine =>
        [.. _engine.Names.Where(name => name.StartsWith(ContainerPrefix, StringComparison.Ordinal)).Select(name => name[ContainerPrefix.Length..])];

    public string RelayLog => _relay?.Log.Text ?? "";

    public static async Task<FleetMember> StartAsync(int slots)
    {
        var directory = new ScratchDirectory();
        var engine = await InstantEngine.StartAsync(seed: 1);
        var service = await ServiceProcess.StartAsync(ServiceSettings.Local(engine.Endpoint, directory).With(
            ("Orleans__ExternalClients", "true"), ("Host__CpuOnlySlots", slots.ToString())));
        return new FleetMember(directory, engine, service);
    }

    /// <summary>Begins another relay; returns at once.</summary>
    public async Task StartRelayAsync(string fleet, params (string Key, string Value)[] settings) =>
        _relay = await ServiceProcess.BeginCommandAsync(
            Service.Settings.With([("Relay__Fleet", fleet), .. settings]).Environment, "relay");

    public async Task KillRelayAsync()
    {
        await _relay!.KillAsync();
        await _relay.DisposeAsync();
        _relay = null;
    }

    /// <summary>The relay has written this.</summary>
    public Task<string> RelayLineAsync(string part) => _relay!.Log.LineAsync(part).WaitAsync(TimeSpan.FromSeconds(60));

    /// <summary>The ids of its mandelboxes, as it says itself.</summary>
    public async Task<IReadOnlyList<string>> MandelboxesAsync() =>
        [.. JsonNode.Parse(await Service.Http.GetStringAsync("/v1/mandelboxes"))!.AsArray().Select(m => (string)m!["mandelboxId"]!)];

    public async ValueTask DisposeAsync()
    {
        if (_relay is not null)
        {
            await _relay.DisposeAsync();
        }

        await Service.DisposeAsync();
        await _engine.DisposeAsync();
        _directory.Dispose();
    }
}
