using System.Diagnostics;
using System.Text.Json.Nodes;
using HostService.Tests.Support;
using Xunit.Abstractions;

namespace HostService.Tests.EndToEnd.Fleet;

/// <summary>
/// A whole fleet, on machines of its own as far as the network goes, of which one part after another dies or is cut off while callers come
/// and go. FLEET_PLACEMENTS (at least so many) and FLEET_RATE (a second) make it longer; from 1,000 on, a host is cut off for a minute.
/// </summary>
public sealed class FleetOutageTests(ITestOutputHelper output)
{
    private const int LongRun = 1000;

    /// <summary>Every so manieth caller wishes the host with the real engine, which has too little room to be chosen otherwise.</summary>
    private const int RealEvery = 25;

    /// <summary>Before the first outage.</summary>
    private const int QuietSeconds = 8;

    private readonly int _placements = EnvironmentNumber.Read("FLEET_PLACEMENTS") ?? 120;
    private readonly int _rate = EnvironmentNumber.Read("FLEET_RATE") ?? 10;

    /// <summary>Longer than the silence after which a connection is taken for lost.</summary>
    private int CutSeconds => _placements >= LongRun ? 60 : 12;

    [FleetOutageFact]
    public async Task No_session_is_lost_or_placed_twice_while_parts_of_the_fleet_die_and_come_back()
    {
        await using var fleet = await FleetOnMachines.StartAsync();
        var load = new FleetLoad(fleet.Silos, _rate, number => number % RealEvery == RealEvery - 1 ? fleet.Real.Name : null);
        var begun = Stopwatch.GetTimestamp();
        var outages = GoThroughOutagesAsync(fleet, load);
        await load.RunAsync(_placements, outages);
        var seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        var firstOutage = await outages;

        var sessions = load.Sessions;
        var waits = sessions.Where(s => s.ServedAt is not null).Select(s => (s.ServedAt!.Value - s.CameAt).TotalSeconds).Order().ToList();
        Tell($"{sessions.Count} callers in {seconds:0} s; served after {waits[waits.Count / 2]:0.00} s (median), "
            + $"{waits[waits.Count * 99 / 100]:0.0} s (99 %), {waits[^1]:0.0} s (longest)");
        Assert.All(sessions, session => Assert.True(
            session is { Host: not null, IsGone: true }, $"{session.Id}: {session.Host} {session.Refusal}\n{fleet.SiloLogs}"));
        Assert.All(sessions.Where(session => session.Wished is not null), session => Assert.Equal(session.Wished, session.Host));

        await fleet.Silos[0].UntilAsync(
            () => Task.FromResult(fleet.Hosts.All(host => host.History.All(c => c.Life.DestroyedAt is not null))),
            () => "containers are left in the engines");
        AssertEachRanOnOneHost(fleet, sessions);
        Assert.All(fleet.Hosts, AssertNotOverbooked);
        AssertSpread(fleet, sessions, firstOutage);
        foreach (var host in fleet.Hosts)
        {
            var known = JsonNode.Parse(await host.Service.Http.GetStringAsync("/v1/host"))!;
            Assert.Equal((0, 0, 0), ((int)known["slots"]!["used"]!, (int)known["mandelboxes"]!, (int)known["leaks"]!));
        }
    }

    /// <summary>Returns when the first one began.</summary>
    private async Task<DateTimeOffset> GoThroughOutagesAsync(FleetOnMachines fleet, FleetLoad load)
    {
        await load.SecondsAsync(QuietSeconds);
        var first = DateTimeOffset.UtcNow;
        await KillRelayAsync(fleet, load, fleet.Instant[0]);
        await CutOffAsync(fleet, load, fleet.Instant[1]);

        // The silo that has the fleet's grain, which knows where there is room: it is the one that has told that this host was away.
        var central = fleet.Silos.First(
            silo => silo.Process.Log.Text.Contains($"Host {fleet.Instant[1].Name} is away", StringComparison.Ordinal));
        await KillSiloAsync(fleet, load, central);
        await RestartDatabaseAsync(fleet, load);
        await KillHostAsync(fleet, load, fleet.Instant[2]);
        return first;
    }

    private async Task KillRelayAsync(FleetOnMachines fleet, FleetLoad load, FleetMember host)
    {
        var begun = DateTimeOffset.UtcNow;
        await host.KillRelayAsync();
        var away = await SeenAsync(fleet, host, "away");
        var started = DateTimeOffset.UtcNow;
        await fleet.StartRelayAsync(host);
        await TellBackAsync("a relay was killed", begun, away, "started again", started, fleet, load, host);
    }

    private async Task CutOffAsync(FleetOnMachines fleet, FleetLoad load, FleetMember host)
    {
        var begun = DateTimeOffset.UtcNow;
        var over = load.SecondsAsync(CutSeconds);
        await fleet.MachineOf(host).UnplugAsync();
        var away = await SeenAsync(fleet, host, "away");
        await over;
        var plugged = DateTimeOffset.UtcNow;
        await fleet.MachineOf(host).PlugInAsync();
        await TellBackAsync(
            $"a host was cut off for {(plugged - begun).TotalSeconds:0} s", begun, away, "its link was up", plugged, fleet, load, host);
    }

    private async Task KillSiloAsync(FleetOnMachines fleet, FleetLoad load, FleetUnderTest silo)
    {
        const int Dead = 6;
        var begun = DateTimeOffset.UtcNow;
        await silo.Process.KillAsync();
        var served = load.NextAsync(session => session.CameAt >= begun);
        await silo.UntilAsync(
            async () => (await fleet.Database.QueryAsync(
                $"SELECT 1 FROM host_service_fleet.silo WHERE address = '{fleet.MachineOf(silo).Address}' AND status = {Dead}")).Count > 0,
            () => $"the silo was not declared dead:\n{fleet.SiloLogs}");
        var dead = DateTimeOffset.UtcNow;
        var first = (await served).ServedAt!.Value;
        var started = DateTimeOffset.UtcNow;
        var again = load.NextAsync(session => session.Silo == silo && session.CameAt >= started);
        await silo.RestartAsync();
        Tell($"the control silo with the fleet's grain was killed: declared dead after {Seconds(begun, dead)}, the first session placed "
            + $"without it after {Seconds(begun, first)}; started again, it placed one after {Seconds(started, (await again).ServedAt!.Value)}");

        // Hosts may be new to the silo that now has the fleet's grain.
        foreach (var host in fleet.Hosts)
        {
            await fleet.Silos[0].UntilHostAsync(host, "ready");
        }
    }

    private async Task RestartDatabaseAsync(FleetOnMachines fleet, FleetLoad load)
    {
        var begun = DateTimeOffset.UtcNow;
        await fleet.Database.StopAsync();
        await fleet.Database.StartAsync();
        var started = DateTimeOffset.UtcNow;
        var next = await load.NextAsync(session => session.ServedAt >= started);
        Tell($"PostgreSQL was restarted, which took {Seconds(begun, started)}: the first session placed after {Seconds(started, next.ServedAt!.Value)} more");
    }

    private async Task KillHostAsync(FleetOnMachines fleet, FleetLoad load, FleetMember host)
    {
        var begun = DateTimeOffset.UtcNow;
        await host.Service.KillAsync();
        var away = await SeenAsync(fleet, host, "away");
        var started = DateTimeOffset.UtcNow;
        await host.RestartServiceAsync();
        await TellBackAsync("a host service was killed", begun, away, "started again", started, fleet, load, host);
    }

    private static async Task<DateTimeOffset> SeenAsync(FleetOnMachines fleet, FleetMember host, string state)
    {
        await fleet.Silos[0].UntilHostAsync(host, state);
        return DateTimeOffset.UtcNow;
    }

    private async Task TellBackAsync(
        string what, DateTimeOffset begun, DateTimeOffset away, string how, DateTimeOffset mended, FleetOnMachines fleet, FleetLoad load, FleetMember host)
    {
        var next = load.NextAsync(session => session.Host == host.Name && session.CameAt >= mended);
        var ready = await SeenAsync(fleet, host, "ready");
        Tell($"{what}: away after {Seconds(begun, away)}; {how}, ready after {Seconds(mended, ready)} and the first session placed there "
            + $"after {Seconds(mended, (await next).ServedAt!.Value)}");
    }

    /// <summary>By what the engines have seen.</summary>
    private static void AssertEachRanOnOneHost(FleetOnMachines fleet, IReadOnlyList<FleetSession> sessions)
    {
        var ran = fleet.Hosts.SelectMany(host => host.History.Select(c => (c.Id, c.Life, Host: host.Name))).ToLookup(c => c.Id);
        Assert.Equal(sessions.Select(session => session.Id).Order(), ran.Select(c => c.Key).Order());
        Assert.All(sessions, session =>
        {
            // No other host has ever made a container for it; and while the caller had it, it was one container, and did not end.
            Assert.All(ran[session.Id], container => Assert.Equal(session.Host, container.Host));
            var had = Assert.Single(ran[session.Id], container => !(container.Life.DiedAt < session.ServedAt)).Life;
            Assert.True(
                had.StartedAt < session.ServedAt && had.DiedAt > session.EndedAt,
                $"{session.Id} on {session.Host}: {had}, served at {session.ServedAt:O}, ended by its caller at {session.EndedAt:O}");
        });
    }

    private static void AssertNotOverbooked(FleetMember host)
    {
        var changes = host.History.SelectMany(c => new[] { (At: c.Life.CreatedAt, By: 1), (At: c.Life.DestroyedAt!.Value, By: -1) });
        var (now, most) = (0, 0);
        foreach (var (_, by) in changes.OrderBy(change => change.At))
        {
            most = Math.Max(most, now += by);
        }

        Assert.InRange(most, 1, host.Slots);
    }

    /// <summary>
    /// While all are up, each caller goes to the emptiest host. The fleet counts what it places, so before sessions end hosts differ by one,
    /// and by what was placed on one of them while its report, which does not count that, was on its way. That a session has ended the
    /// fleet learns from the next report, after 2 s, or 3 s on a busy machine: so later hosts differ by what ends on one in that time, too.
    /// </summary>
    private void AssertSpread(FleetOnMachines fleet, IReadOnlyList<FleetSession> sessions, DateTimeOffset end)
    {
        const double ReportOnItsWay = 0.5;
        const double ReportDue = 3;
        var hosts = fleet.Instant;
        var placed = hosts.Select(host => sessions.Take(_rate * FleetLoad.Lasting).Count(s => s.Wished is null && s.Host == host.Name)).ToList();
        var held = MostDifference(hosts, end);
        Tell($"of the callers before the first session ended {string.Join(", ", placed)} were placed on each host with much room; from then until "
            + $"the first outage these hosts' numbers of sessions never differed by more than {held}");
        var early = 1 + (int)Math.Ceiling(_rate * ReportOnItsWay / hosts.Count);
        Assert.InRange(placed.Max() - placed.Min(), 0, early);
        Assert.InRange(held, 0, early + (int)Math.Ceiling(_rate * ReportDue / hosts.Count));

        // The host with little room is not chosen.
        Assert.All(sessions.Where(s => s.ServedAt < end && s.Host == fleet.Real.Name), session => Assert.NotNull(session.Wished));
    }

    private static int MostDifference(IReadOnlyList<FleetMember> hosts, DateTimeOffset end)
    {
        var counts = new int[hosts.Count];
        var changes = hosts.SelectMany((host, index) => host.History.SelectMany(c => new[]
        {
            (At: c.Life.StartedAt, Host: index, By: 1),
            (At: c.Life.DiedAt, Host: index, By: -1),
        }));
        var most = 0;
        foreach (var (_, host, by) in changes.Where(change => change.At < end).OrderBy(change => change.At))
        {
            counts[host] += by;
            most = Math.Max(most, counts.Max() - counts.Min());
        }

        return most;
    }

    private void Tell(string line) => output.WriteLine(line);

    private static string Seconds(DateTimeOffset from, DateTimeOffset to) => $"{(to - from).TotalSeconds:0.0} s";

    /// <summary>Skipped, with the reason, where the fleet's machines cannot be made, or something that runs on them is missing.</summary>
    private sealed class FleetOutageFactAttribute : FactAttribute
    {
        public FleetOutageFactAttribute() => Skip = MachineNetwork.SkipReason ?? PostgresServer.SkipReason ?? DockerDaemon.SkipReason;
    }
}
