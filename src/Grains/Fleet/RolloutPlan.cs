using System.Globalization;
using HostService.GrainInterfaces.Fleet;

namespace HostService.Grains.Fleet;

/// <summary>What a rollout does next, by what is known of the hosts. It changes nothing itself.</summary>
internal sealed class RolloutPlan
{
    /// <summary>
    /// A rollout is not at its end earlier: after a restart of the fleet it takes some seconds until all hosts have reported.
    /// </summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(15);

    /// <summary>
    /// A host that does not report what it was asked for by then was not asked: the request, or the fleet's silo, was lost.
    /// </summary>
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(10);

    private readonly KeptRollout _rollout;
    private readonly RolloutRequest _request;
    private readonly Dictionary<string, FleetHost> _known;
    private readonly SortedSet<string> _hosts;
    private readonly DateTimeOffset _now;
    private readonly TimeSpan _hostTimeout;

    /// <param name="known">The hosts that the fleet knows.</param>
    /// <param name="hostTimeout">How long a host may take until it is ready with the new version.</param>
    public RolloutPlan(KeptRollout rollout, IReadOnlyList<FleetHost> known, DateTimeOffset now, TimeSpan hostTimeout)
    {
        (_rollout, _request, _now, _hostTimeout) = (rollout, rollout.Request!, now, hostTimeout);
        _known = known.ToDictionary(host => host.Report.Host, StringComparer.Ordinal);
        _hosts = new SortedSet<string>(rollout.Hosts.Concat(_known.Keys), StringComparer.Ordinal);
        Begun = [.. rollout.Upgrading.Where(host => StateOf(host.Host) != FleetHosts.Ready || !HasVersion(host.Host)).Select(Judge)];
    }

    /// <summary>The hosts whose upgrade has begun and has not succeeded.</summary>
    private List<HostInUpgrade> Begun { get; }

    /// <summary>The rollout as it is to be kept now, and the hosts that are to be asked, in this order.</summary>
    public (KeptRollout Rollout, IReadOnlyList<HostInUpgrade> Ask) Next()
    {
        var rollout = _rollout with { Hosts = [.. _hosts], Upgrading = [.. Begun] };
        if (rollout.State != RolloutState.Running)
        {
            return (rollout, []);
        }

        if (Begun.Find(host => host.Fault is not null) is { } failed)
        {
            return (rollout with { State = RolloutState.Halted, Why = $"{failed.Host}: {failed.Fault}" }, []);
        }

        var isDone = Begun.Count == 0 && Pending().Count == 0 && _now - rollout.StartedAt >= Shortest;
        if (isDone)
        {
            return (rollout with { State = RolloutState.Done }, []);
        }

        HostInUpgrade[] begun =
            [.. Choose().Hosts.Select(host => new HostInUpgrade(host, _now.ToString("O", CultureInfo.InvariantCulture), _now))];
        return (rollout with { Upgrading = [.. rollout.Upgrading, .. begun] }, [.. Begun.Where(WasNotAsked), .. begun]);
    }

    /// <summary>For operators.</summary>
    public Rollout Describe() => new(
        _request.Version,
        _request.MaxUnavailable,
        _request.MinFree,
        _rollout.State,
        _rollout.State == RolloutState.Running ? Choose().Waiting : _rollout.Why,
        _rollout.StartedAt,
        [.. _hosts.Select(name => new RolloutHost(
            name,
            Find(name) is { } host ? (host.Fault is null ? RolloutHostState.Upgrading : RolloutHostState.Failed)
                : HasVersion(name) ? RolloutHostState.Upgraded
                : IsLeaving(name) ? RolloutHostState.LeftOut
                : RolloutHostState.Pending,
            _known.GetValueOrDefault(name)?.Report.Version,
            StateOf(name),
            _known.GetValueOrDefault(name)?.Report.Mandelboxes.Count ?? 0))]);

    /// <summary>The hosts whose turn it is, and else what is waited for.</summary>
    private (IReadOnlyList<string> Hosts, string? Waiting) Choose()
    {
        var unavailable = _hosts
            .Where(name => !IsLeaving(name) && (StateOf(name) != FleetHosts.Ready || Find(name) is not null))
            .ToList();

        // A bad version takes one host, whatever the limit.
        var most = _hosts.Any(HasVersion) ? _request.MaxUnavailable : 1;
        List<string> chosen = [];
        var ready = Pending().Where(name => StateOf(name) == FleetHosts.Ready)
            .OrderBy(name => _known[name].Report.Mandelboxes.Count).ThenBy(name => name, StringComparer.Ordinal);
        foreach (var name in ready)
        {
            if (unavailable.Count + chosen.Count >= _request.MaxUnavailable || Begun.Count + chosen.Count >= most)
            {
                break;
            }

            var free = _known.Values
                .Where(host => host.State == FleetHosts.Ready && host.Report.Host != name && !chosen.Contains(host.Report.Host)
                    && Find(host.Report.Host) is null)
                .Sum(host => host.Report.Free);
            if (free < _request.MinFree)
            {
                return (chosen, $"the other hosts would have room for {free}, which is less than {_request.MinFree}");
            }

            chosen.Add(name);
        }

        return chosen.Count > 0 || unavailable.Count == 0
            ? (chosen, null)
            : (chosen, "waits for " + string.Join(", ", unavailable.Select(name => $"{name} ({Reason(name)})")));
    }

    private List<string> Pending() =>
        [.. _hosts.Where(name => !HasVersion(name) && !IsLeaving(name) && Find(name) is null)];

    private HostInUpgrade? Find(string name) => Begun.Find(host => host.Host == name);

    /// <summary>Whether it has failed.</summary>
    private HostInUpgrade Judge(HostInUpgrade upgrade)
    {
        var report = _known.GetValueOrDefault(upgrade.Host)?.Report;
        var last = report?.Upgrade is { } any && any.Attempt == upgrade.Attempt ? any : null;
        return upgrade.Fault is not null ? upgrade
            : last?.Fault is { } fault ? upgrade with { Fault = OneLine(fault) }
            : last is { IsEnded: true } && StateOf(upgrade.Host) == FleetHosts.Ready
                ? upgrade with { Fault = $"its upgrade has ended, but it still has {report!.Version}" }
            : _now - upgrade.Since > _hostTimeout
                ? upgrade with
                {
                    Fault = string.Create(
                        CultureInfo.InvariantCulture,
                        $"not ready with {_request.Version} after {_hostTimeout.TotalMinutes:0.#} minutes; it is "
                            + $"{StateOf(upgrade.Host) ?? "not known"} with {report?.Version ?? "an unknown version"}"),
                }
            : upgrade;
    }

    private bool WasNotAsked(HostInUpgrade upgrade) =>
        _known.GetValueOrDefault(upgrade.Host) is { State: FleetHosts.Ready } host
        && host.Report.Upgrade?.Attempt != upgrade.Attempt
        && host.ReportedAt - upgrade.Since > AskAgainAfter;

    /// <summary>What a host says ends up on operators' screens.</summary>
    internal static string OneLine(string text)
    {
        const int Longest = 500;
        var line = string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
        return line.Length > Longest ? $"{line[..Longest]}…" : line;
    }

    private string Reason(string name) =>
        Find(name) is not null ? "being upgraded" : StateOf(name) ?? "not known";

    private bool HasVersion(string name) => _known.GetValueOrDefault(name)?.Report.Version == _request.Version;

    private string? StateOf(string name) => _known.GetValueOrDefault(name)?.State;

    /// <summary>One that is being upgraded is closed for a moment, too.</summary>
    private bool IsLeaving(string name) =>
        Find(name) is null && _known.GetValueOrDefault(name) is { Away: null, Report.Status: HostStatus.Draining or HostStatus.Closed };
}
