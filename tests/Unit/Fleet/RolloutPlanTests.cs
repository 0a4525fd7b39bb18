using HostService.GrainInterfaces;
using HostService.GrainInterfaces.Fleet;
using HostService.Grains.Fleet;

namespace HostService.Tests.Unit.Fleet;

public sealed class RolloutPlanTests
{
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch;
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(10);

    [Fact]
    public void One_host_has_to_succeed_before_as_many_as_allowed_are_upgraded_at_a_time()
    {
        FleetHost[] old = [Host("a"), Host("b"), Host("c"), Host("d")];

        Assert.Equal(["a"], Next(Rollout(3), old).Begin);
        Assert.Empty(Next(Rollout(3, "a"), old).Begin);
        Assert.Equal(["b", "c", "d"], Next(Rollout(3, "a"), [Host("a", "2"), .. old[1..]]).Begin);
        Assert.Equal(["b", "c"], Next(Rollout(2, "a"), [Host("a", "2"), .. old[1..]]).Begin);
    }

    [Fact]
    public void The_host_with_the_fewest_sessions_is_the_first() =>
        Assert.Equal(["b"], Next(Rollout(1), [Host("a", sessions: 2), Host("b", sessions: 1), Host("c", sessions: 3)]).Begin);

    [Fact]
    public void A_host_that_is_away_or_not_ready_counts_as_unavailable_and_is_named()
    {
        FleetHost[] hosts = [Host("a", "2"), Host("b") with { Away = "it is not connected" }, Host("c"), Host("d")];

        Assert.Empty(Next(Rollout(1), hosts).Begin);
        Assert.Equal("waits for b (away)", Plan(Rollout(1), hosts).Describe().Why);
        Assert.Equal(["c"], Next(Rollout(2), hosts).Begin);
        var unready = hosts[2] with { Report = hosts[2].Report with { NotReady = ["no disk"] } };
        Assert.Empty(Next(Rollout(2), [hosts[0], hosts[1], unready, hosts[3]]).Begin);
    }

    [Fact]
    public void Other_hosts_keep_room_for_so_many_as_wished()
    {
        FleetHost[] hosts = [Host("a", "2", free: 2), Host("b", free: 3), Host("c", free: 4)];

        Assert.Equal(["b"], Next(Rollout(2, minFree: 6), hosts).Begin);
        Assert.Equal(["b", "c"], Next(Rollout(2, minFree: 2), hosts).Begin);
        Assert.Empty(Next(Rollout(2, minFree: 7), hosts).Begin);
        Assert.Equal("the other hosts would have room for 6, which is less than 7", Plan(Rollout(2, minFree: 7), hosts).Describe().Why);
    }

    [Fact]
    public void A_host_is_upgraded_once_it_is_ready_with_the_version()
    {
        var unready = Host("a", "2");
        unready = unready with { Report = unready.Report with { NotReady = ["no disk"] } };

        Assert.Single(Next(Rollout(1, "a"), [unready]).Rollout.Upgrading);
        Assert.Empty(Next(Rollout(1, "a"), [Host("a", "2")]).Rollout.Upgrading);
    }

    [Fact]
    public void A_host_that_was_not_asked_is_asked_with_the_same_attempt()
    {
        var host = Host("a") with { ReportedAt = Start + TimeSpan.FromSeconds(11) };
        var asked = host with { Report = host.Report with { Upgrade = new HostUpgrade("2", "attempt at a") } };

        Assert.Equal(Rollout(1, "a").Upgrading, Plan(Rollout(1, "a"), [host]).Next().Ask);
        Assert.Single(Plan(Rollout(1, "a"), [host]).Next().Rollout.Upgrading);
        Assert.Empty(Next(Rollout(1, "a"), [asked]).Begin);
        Assert.Empty(Next(Rollout(1, "a"), [host with { ReportedAt = Start + TimeSpan.FromSeconds(10) }]).Begin);
        Assert.Empty(Next(Rollout(1, "a"), [host with { Away = "it is not connected" }]).Begin);
    }

    [Fact]
    public void A_fault_of_this_attempt_halts_it_and_one_of_an_earlier_attempt_does_not()
    {
        var failed = Host("a");
        failed = failed with { Report = failed.Report with { Upgrade = new HostUpgrade("2", "attempt at a", "it ended with exit code 7") } };
        FleetHost[] hosts = [failed, Host("b")];

        var (halted, begin) = Next(Rollout(2, "a"), hosts);
        Assert.Equal((RolloutState.Halted, "a: it ended with exit code 7"), (halted.State, halted.Why));
        Assert.Empty(begin);
        Assert.Equal(RolloutHostState.Failed, Plan(halted, [Host("a"), Host("b")]).Describe().Hosts[0].State);
        Assert.Equal(RolloutState.Running, Next(Rollout(2) with { Upgrading = [new HostInUpgrade("a", "another", Start)] }, hosts).Rollout.State);
    }

    [Fact]
    public void A_host_that_closes_to_restart_is_still_being_upgraded()
    {
        var closing = Host("a");
        closing = closing with { Report = closing.Report with { Status = HostStatus.Closed } };

        Assert.Empty(Next(Rollout(1, "a"), [closing, Host("b")]).Begin);
        Assert.Empty(Next(Rollout(2, "a"), [closing, Host("b")]).Begin);
        Assert.Equal(RolloutHostState.Upgrading, Plan(Rollout(1, "a"), [closing, Host("b")]).Describe().Hosts[0].State);
    }

    [Fact]
    public void Where_another_host_is_away_the_first_one_is_upgraded_if_two_may_be_unavailable()
    {
        FleetHost[] hosts = [Host("a") with { Away = "it is not connected" }, Host("b"), Host("c")];

        Assert.Empty(Next(Rollout(1), hosts).Begin);
        Assert.Equal(["b"], Next(Rollout(2), hosts).Begin);
        Assert.Equal(["b"], Next(Rollout(50), hosts).Begin);
    }

    [Fact]
    public void An_upgrade_that_ends_well_and_changes_nothing_halts_it()
    {
        var host = Host("a") with { ReportedAt = Start + TimeSpan.FromMinutes(1) };
        var ended = host with { Report = host.Report with { Upgrade = new HostUpgrade("2", "attempt at a", IsEnded: true) } };

        var (halted, begin) = Next(Rollout(1, "a"), [ended]);

        Assert.Equal((RolloutState.Halted, "a: its upgrade has ended, but it still has 1"), (halted.State, halted.Why));
        Assert.Empty(begin);
    }

    [Fact]
    public void What_a_host_says_is_one_line_of_text()
    {
        var failed = Host("a");
        failed = failed with
        {
            Report = failed.Report with { Upgrade = new HostUpgrade("2", "attempt at a", $"\u001b[31mred\n{new string('x', 9000)}", IsEnded: true) },
        };

        var why = Next(Rollout(1, "a"), [failed]).Rollout.Why!;

        Assert.StartsWith("a:  [31mred xxx", why, StringComparison.Ordinal);
        Assert.True(why.Length < 600);
    }

    [Fact]
    public void A_host_that_does_not_come_back_halts_it()
    {
        FleetHost[] hosts = [Host("a") with { Away = "it is not connected" }];

        Assert.Equal(RolloutState.Running, Next(Rollout(1, "a"), hosts, Timeout).Rollout.State);
        var (halted, _) = Next(Rollout(1, "a"), hosts, Timeout + TimeSpan.FromSeconds(1));
        Assert.Equal((RolloutState.Halted, "a: not ready with 2 after 10 minutes; it is away with 1"), (halted.State, halted.Why));
    }

    [Fact]
    public void It_is_done_when_all_have_the_version_and_never_before_all_can_have_reported()
    {
        FleetHost[] hosts = [Host("a", "2"), Host("b", "2")];

        Assert.Equal(RolloutState.Running, Next(Rollout(1), hosts, TimeSpan.FromSeconds(14)).Rollout.State);
        Assert.Equal(RolloutState.Done, Next(Rollout(1), hosts, TimeSpan.FromSeconds(15)).Rollout.State);
    }

    [Fact]
    public void A_host_that_the_fleet_has_known_is_waited_for_although_the_fleet_has_forgotten_all_at_a_restart()
    {
        var rollout = Rollout(1) with { Hosts = ["a", "b"] };

        var (next, begin) = Next(rollout, [Host("a", "2")], TimeSpan.FromMinutes(1));

        Assert.Equal((RolloutState.Running, 0), (next.State, begin.Count));
        Assert.Equal("waits for b (not known)", Plan(rollout, [Host("a", "2")]).Describe().Why);
        Assert.Equal(["b"], Next(rollout, [Host("a", "2"), Host("b")]).Begin);
    }

    [Fact]
    public void Hosts_that_are_draining_are_left_out()
    {
        var leaving = Host("b");
        leaving = leaving with { Report = leaving.Report with { Status = HostStatus.Draining } };

        Assert.Equal(RolloutState.Done, Next(Rollout(1), [Host("a", "2"), leaving], TimeSpan.FromMinutes(1)).Rollout.State);
        Assert.Equal(RolloutHostState.LeftOut, Plan(Rollout(1), [Host("a", "2"), leaving]).Describe().Hosts[1].State);
    }

    [Fact]
    public void A_rollout_that_does_not_run_begins_nothing()
    {
        foreach (var state in new[] { RolloutState.Halted, RolloutState.Done, RolloutState.Aborted })
        {
            var (next, begin) = Next(Rollout(5) with { State = state }, [Host("a"), Host("b")], TimeSpan.FromHours(1));
            Assert.Equal((state, 0), (next.State, begin.Count));
        }
    }

    [Theory]
    [InlineData("1.2.0", null)]
    [InlineData("1.2.0~git20261129.3", null)]
    [InlineData("", "the version must be")]
    [InlineData("-1", "the version must be")]
    [InlineData("../../bin/sh", "the version must be")]
    [InlineData("1 2", "the version must be")]
    [InlineData(null, "the version must be")]
    public void A_version_is_part_of_a_files_name(string? version, string? fault) =>
        Assert.StartsWith(fault ?? "", new RolloutRequest(version!).Fault() ?? "", StringComparison.Ordinal);

    [Fact]
    public void Numbers_that_make_no_sense_are_refused()
    {
        Assert.Equal("maxUnavailable is 0; it must be from 1 to 1000", new RolloutRequest("2", 0).Fault());
        Assert.Equal("minFree is -1; it must be 0 or more", new RolloutRequest("2", 1, -1).Fault());
    }

    /// <summary>Hosts go and come back, fail or succeed; the fleet's list is at times lost.</summary>
    [Fact]
    public void Whatever_happens_no_more_are_upgraded_than_allowed_and_in_the_end_all_have_the_version()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            new RolloutWorld(seed).Run();
        }
    }

    private static RolloutPlan Plan(KeptRollout rollout, FleetHost[] hosts, TimeSpan after = default) =>
        new(rollout, hosts, Start + after, Timeout);

    private static (KeptRollout Rollout, IReadOnlyList<string> Begin) Next(
        KeptRollout rollout, FleetHost[] hosts, TimeSpan after = default)
    {
        var (next, ask) = Plan(rollout, hosts, after).Next();
        return (next, [.. ask.Select(host => host.Host)]);
    }

    private static KeptRollout Rollout(int maxUnavailable, string? upgrading = null, int minFree = 0) => new()
    {
        Request = new RolloutRequest("2", maxUnavailable, minFree),
        StartedAt = Start,
        Upgrading = upgrading is null ? [] : [new HostInUpgrade(upgrading, $"attempt at {upgrading}", Start)],
    };

    private static FleetHost Host(string name, string version = "1", int sessions = 0, int free = 5) => new(
        new HostReport
        {
            Host = name,
            Address = "10.0.0.1",
            Status = HostStatus.Active,
            Version = version,
            Capacity = 10,
            Free = free,
            Mandelboxes = [.. Enumerable.Range(0, sessions).Select(i => new ReportedMandelbox($"{name}{i}", MandelboxState.Running, "app", Start))],
        },
        Start,
        Away: null);

    private sealed class RolloutWorld(int seed)
    {
        private readonly Random _random = new(seed);
        private readonly Dictionary<string, FleetHost> _hosts = [];
        private KeptRollout _rollout = new();
        private TimeSpan _now;

        public void Run()
        {
            var max = _random.Next(1, 4);
            for (var i = 0; i < _random.Next(1, 9); i++)
            {
                _hosts[$"h{i}"] = Host($"h{i}", sessions: _random.Next(3));
            }

            _rollout = Rollout(max);
            for (var step = 0; step < 2000 && _rollout.State != RolloutState.Done; step++)
            {
                _now += TimeSpan.FromSeconds(2);
                var isCalm = step > 300;
                foreach (var name in _hosts.Keys.ToList())
                {
                    _hosts[name] = Change(_hosts[name], isCalm);
                }

                // After a restart of the fleet not all have reported.
                FleetHost[] known = [.. _hosts.Values.Where(_ => isCalm || _random.Next(20) != 0)];
                var before = _rollout.Upgrading.Select(host => host.Host).ToHashSet();
                (_rollout, var begin) = Next(_rollout, known, _now);
                Assert.DoesNotContain(begin, before.Contains);
                Assert.All(begin, name => Assert.Equal(FleetHosts.Ready, _hosts[name].State));
                foreach (var name in begin)
                {
                    // At first it may still report, as one that closes.
                    var closing = _hosts[name].Report with { Status = HostStatus.Closed };
                    _hosts[name] = _hosts[name] with { Report = closing, Away = _random.Next(2) == 0 ? "it restarts" : null };
                }

                Assert.True(_rollout.Upgrading.Count(host => host.Fault is null) <= max, $"seed {seed}, step {step}");
                if (begin.Count > 0)
                {
                    Assert.True(_hosts.Values.Count(host => host.State != FleetHosts.Ready) <= max, $"seed {seed}, step {step}");
                    Assert.True(begin.Count == 1 || _hosts.Values.Any(host => host.Report.Version == "2"), $"seed {seed}, step {step}");
                }

                if (_rollout.State == RolloutState.Halted)
                {
                    _rollout = _rollout with
                    {
                        State = RolloutState.Running,
                        Upgrading = [.. _rollout.Upgrading.Where(host => host.Fault is null)],
                    };
                }
            }

            Assert.True(_rollout.State == RolloutState.Done, $"seed {seed}: {Plan(_rollout, [.. _hosts.Values], _now).Describe()}");
            Assert.All(_hosts.Values, host => Assert.Equal("2", host.Report.Version));
        }

        private FleetHost Change(FleetHost host, bool isCalm)
        {
            var upgrade = _rollout.Upgrading.FirstOrDefault(other => other.Host == host.Report.Host);
            if (upgrade is not null && host.Report.Version != "2" && _random.Next(3) == 0)
            {
                return isCalm || _random.Next(4) != 0
                    ? host with { Away = null, Report = host.Report with { Status = HostStatus.Active, Version = "2", Upgrade = null } }
                    : host with
                    {
                        Away = null,
                        Report = host.Report with { Status = HostStatus.Active, Upgrade = new HostUpgrade("2", upgrade.Attempt, "it failed", true) },
                    };
            }

            return host.Away is not null
                ? (upgrade is null && (isCalm || _random.Next(3) == 0) ? host with { Away = null } : host)
                : !isCalm && _random.Next(30) == 0 ? host with { Away = "it is not connected" }
                : host;
        }
    }
}
