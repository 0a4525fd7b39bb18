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
    private readonly ServiceSettings _settings;
    private readonly string _program;
    private ServiceProcess _process = null!;

    private FleetUnderTest(Machine? machine, (string Key, string Value)[] settings, string? program)
    {
        _program = program ?? ServiceProcess.Program;
        var port = TestPorts.Reserve().ToString();
        Address = $"https://{machine?.Address ?? "127.0.0.1"}:{port}";
        Http = ServiceProcess.NewClient(new Uri($"https://127.0.0.1:{port}"), machine?.Network);
        var own = new ServiceSettings(new Dictionary<string, string>
        {
            ["APP_ENV"] = "LOCALDEV",
            ["Gateway__Port"] = port,
            ["Orleans__SiloPort"] = TestPorts.Reserve().ToString(),
            ["Host__PrivateRoot"] = _directory["private"],
            ["Auth__SharedSecret"] = ServiceProcess.Secret,
        });
        _settings = own.With(settings) with { Network = machine?.Network };
    }

    /// <summary>As relays reach it.</summary>
    public string Address { get; }

    /// <summary>An operator on its machine.</summary>
    public HttpClient Http { get; }

    public ServiceProcess Process => _process;

    public static Task<FleetUnderTest> StartAsync(params (string Key, string Value)[] settings) => StartAsync(machine: null, settings);

    /// <param name="machine">Where it runs; null for this machine's loopback.</param>
    /// <param name="program">The file that it runs from; null for the installed one.</param>
    public static async Task<FleetUnderTest> StartAsync(Machine? machine, (string Key, string Value)[] settings, string? program = null)
    {
        var fleet = await BeginAsync(machine, settings, program);
        await fleet.ReadyAsync();
        return fleet;
    }

    /// <summary>Starts it and returns at once.</summary>
    public static Task<FleetUnderTest> BeginAsync(params (string Key, string Value)[] settings) => BeginAsync(machine: null, settings);

    /// <summary>Kills it, and starts it again.</summary>
    public async Task RestartAsync()
    {
        await _process.KillAsync();
        await _process.DisposeAsync();
        _process = await ServiceProcess.LaunchProgramAsync(_program, _settings, "fleet");
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

    private static async Task<FleetUnderTest> BeginAsync(Machine? machine, (string Key, string Value)[] settings, string? program = null)
    {
        var fleet = new FleetUnderTest(machine, settings, program);
        fleet._process = await ServiceProcess.LaunchProgramAsync(fleet._program, fleet._settings, "fleet");
        return fleet;
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
