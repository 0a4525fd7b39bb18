using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd.Fleet;

/// <summary>
/// A whole fleet, three control silos and five hosts, of which one part after another dies while sessions are placed. FLEET_PLACEMENTS and
/// FLEET_RATE (a second) make it longer.
/// </summary>
public sealed class FleetOutageTests
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(2);

    private readonly int _placements = EnvironmentNumber.Read("FLEET_PLACEMENTS") ?? 120;
    private readonly int _rate = EnvironmentNumber.Read("FLEET_RATE") ?? 10;

    [PostgresFact]
    public async Task No_session_is_lost_or_placed_twice_while_parts_of_the_fleet_die_and_come_back()
    {
        await using var database = await PostgresServer.StartNewAsync();
        using var directory = new ScratchDirectory();
        var settings = new FleetAuthority(directory).SiloSettings(database);
        await FleetDatabaseTests.InitAsync(database);
        await using var first = await FleetUnderTest.StartAsync(settings);
        await using var second = await FleetUnderTest.StartAsync(settings);
        await using var third = await FleetUnderTest.StartAsync(settings);
        FleetUnderTest[] silos = [first, second, third];
        var hosts = new List<FleetMember>();
        for (var i = 0; i < 5; i++)
        {
            // Each begins with another silo.
            var order = silos.Skip(i % 3).Concat(silos.Take(i % 3)).Select(silo => silo.Address);
            hosts.Add(await first.AddHostAsync(54, ("Relay__Fleet", string.Join(',', order))));
        }

        var relayOfOthers = string.Join(',', silos.Select(silo => silo.Address));
        var answers = new ConcurrentDictionary<string, (HttpStatusCode Status, string? Host)>(StringComparer.Ordinal);
        var running = new List<Task>();
        using var pace = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / _rate));
        for (var i = 0; i < _placements; i++)
        {
            if (i == _placements / 5)
            {
                await hosts[0].KillRelayAsync();
                await hosts[0].StartRelayAsync(relayOfOthers);
            }
            else if (i == _placements * 2 / 5)
            {
                running.Add(RestartAsync(second));
            }
            else if (i == _placements * 3 / 5)
            {
                await database.StopAsync();
                running.Add(database.StartAsync());
            }
            else if (i == _placements * 4 / 5)
            {
                await hosts[4].Service.KillAsync();
            }

            var id = string.Create(CultureInfo.InvariantCulture, $"m{i}");
            running.Add(PlaceAsync(id, silos, i, answers));
            await pace.WaitForNextTickAsync();
        }

        await Task.WhenAll(running).WaitAsync(LongestWait);

        // Every caller has a session, but for those that the dead host may have begun.
        var log = string.Join('\n', silos.Select(silo => silo.Process.Log.Text));
        var without = answers.Where(answer => answer.Value.Status != HttpStatusCode.OK).ToList();
        Assert.True(_placements == answers.Count, $"{answers.Count} of {_placements} callers were answered");
        Assert.All(without, answer => Assert.True(
            answer.Value.Host!.Contains(hosts[4].Name, StringComparison.Ordinal), $"{answer.Key}: {answer.Value.Host}\n{log}"));

        // Each session is on one host, the one that its caller was told.
        var there = hosts.SelectMany(host => host.InEngine.Select(id => (Id: id, host.Name))).ToLookup(m => m.Id, m => m.Name);
        Assert.All(answers.Where(answer => answer.Value.Status == HttpStatusCode.OK), answer =>
            Assert.True(there[answer.Key].SequenceEqual([answer.Value.Host!]), $"{answer.Key}: {string.Join(", ", there[answer.Key])}\n{log}"));
        Assert.All(there, mandelbox => Assert.Single(mandelbox));
        foreach (var host in hosts.SkipLast(1))
        {
            var known = JsonNode.Parse(await host.Service.Http.GetStringAsync("/v1/host"))!;
            Assert.InRange((int)known["slots"]!["used"]!, 0, 54);
            Assert.Equal(0, (int)known["leaks"]!);
            Assert.Equal(host.InEngine.Order(), (await host.MandelboxesAsync()).Order());
        }
    }

    /// <summary>As systemd does: also where it ends again at once, because the database is away.</summary>
    private static async Task RestartAsync(FleetUnderTest silo)
    {
        for (var tries = 0; ; tries++)
        {
            try
            {
                await silo.RestartAsync();
                return;
            }
            catch (InvalidOperationException) when (tries < 5)
            {
                // Once more.
            }
        }
    }

    /// <summary>As a backend does: the same request, to any of the silos, until it is served or there is no sense in it.</summary>
    private static async Task PlaceAsync(
        string id, FleetUnderTest[] silos, int turn, ConcurrentDictionary<string, (HttpStatusCode Status, string? Host)> answers)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(500));
        do
        {
            try
            {
                var (status, answer) = await silos[turn++ % silos.Length].PlaceAsync(id);
                answers[id] = (status, (string?)answer["host"] ?? (string?)answer["error"]);
                if (status != HttpStatusCode.ServiceUnavailable)
                {
                    return;
                }
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException or System.Text.Json.JsonException)
            {
                // That silo is dead, or is just starting.
            }
        }
        while (await NextAsync());

        async Task<bool> NextAsync()
        {
            try
            {
                return await pace.WaitForNextTickAsync(late.Token);
            }
            catch (OperationCanceledException)
            {
                return false;
            }
        }
    }
}
