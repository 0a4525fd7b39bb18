using HostService.GrainInterfaces.Fleet;

namespace HostService.Grains.Fleet;

/// <summary>
/// Chooses the hosts that can be asked to take a mandelbox. It decides by what is known; the host itself has the last word.
/// </summary>
public static class HostSelector
{
    /// <param name="hosts">All that are known, each name once.</param>
    /// <param name="defaultOrder">Where the request wishes none.</param>
    public static HostSelection Select(IEnumerable<HostRoom> hosts, PlacementRequest request, PlacementOrder defaultOrder)
    {
        var fit = new List<HostRoom>();
        var leftOut = new List<HostLeftOut>();
        var wishes = request.Wishes;
        var isWishedHostKnown = false;
        foreach (var host in hosts)
        {
            isWishedHostKnown |= host.Host.Report.Host == wishes.Host;
            if (ReasonAgainst(host, request) is { } reason)
            {
                leftOut.Add(reason);
            }
            else
            {
                fit.Add(host);
            }
        }

        var pack = (wishes.Order ?? defaultOrder) == PlacementOrder.Pack;
        var sign = pack ? -1 : 1;
        var ordered = fit

            // One that may have room although as much was promised as it reported is asked last: it may have reported after a promise.
            .OrderBy(host => host.Free > 0 ? 0 : 1)
            .ThenBy(host => host.Free > 0 && host.WaitingOf(request.AppName) > 0 ? 0 : 1)
            .ThenByDescending(host => sign * host.Free)
            .ThenByDescending(host => sign * Share(host))
            .ThenBy(host => host.Host.Report.Host, StringComparer.Ordinal)
            .Select(host => host.Host.Report.Host);
        var unknown = wishes.Host is not null && !isWishedHostKnown ? $"there is no host {wishes.Host} in the fleet" : null;
        return new HostSelection(ordered, leftOut, unknown);
    }

    private static double Share(HostRoom host) => (double)host.Free / Math.Max(1, host.Host.Report.Capacity);

    /// <summary>Null for a host that can be asked.</summary>
    private static HostLeftOut? ReasonAgainst(HostRoom room, PlacementRequest request)
    {
        var report = room.Host.Report;
        var wishes = request.Wishes;

        // First whether it suits at all: only one that does is worth waiting for.
        if (wishes.Host is { } wished && wished != report.Host)
        {
            return Out(HostLeftOut.NotWished);
        }

        if (request.Excluded?.Contains(report.Host, StringComparer.Ordinal) == true)
        {
            return Out("it has just failed to take this mandelbox");
        }

        if (wishes.Region is { } region && !region.Equals(report.Region, StringComparison.OrdinalIgnoreCase))
        {
            return Out(report.Region.Length == 0 ? $"it is not in {region}" : $"it is in {report.Region}, not in {region}");
        }

        if (wishes.Gpu is { } gpu && !report.GpuKinds.Any(kind => kind.Contains(gpu, StringComparison.OrdinalIgnoreCase)))
        {
            return Out($"it has no healthy GPU {gpu}");
        }

        if (room.Host.Away is { } away)
        {
            return Out($"it is away: {away}", suits: true);
        }

        if (report.Status != HostStatus.Active)
        {
            return Out($"it is {Word(report.Status)}", suits: true);
        }

        if (report.NotReady.Count > 0)
        {
            return Out($"it is not ready: {string.Join(", ", report.NotReady)}", suits: true);
        }

        if (room.Refusal is { } refusal)
        {
            return new HostLeftOut(report.Host, refusal.Why, Suits: true, refusal.IsFull);
        }

        if (report.Free <= 0)
        {
            return new HostLeftOut(report.Host, "it is full", Suits: true, IsFull: true);
        }

        return room is { Free: <= 0, Asked.Count: > 0 }
            ? new HostLeftOut(report.Host, "its last room is being given to others", Suits: true, IsFull: true) { IsUndecided = true }
            : null;

        HostLeftOut Out(string reason, bool suits = false) => new(report.Host, reason, suits);
    }

    private static string Word(HostStatus status) => status switch
    {
        HostStatus.Starting => "starting",
        HostStatus.Draining => "draining",
        HostStatus.Closed => "closed",
        _ => "active",
    };
}

/// <summary>What came of choosing.</summary>
/// <param name="Hosts">Those to ask, the best first; ordered as they are read, because the best is found without ordering all.</param>
/// <param name="LeftOut">Every other host that is known.</param>
/// <param name="Unknown">That the wished host is not known; null otherwise.</param>
public sealed record HostSelection(IEnumerable<string> Hosts, IReadOnlyList<HostLeftOut> LeftOut, string? Unknown)
{
    /// <summary>Whether some host would take it if it had room.</summary>
    public bool IsFull => LeftOut.Any(host => host.IsFull);

    /// <summary>Whether the same request may succeed later. Also where no host is known: they report within seconds.</summary>
    public bool IsTemporary => Unknown is null && (LeftOut.Count == 0 || LeftOut.Any(host => host.Suits));

    /// <summary>Whether the answers that hosts still owe to others decide.</summary>
    public bool IsUndecided => LeftOut.Any(host => host.IsUndecided);

    /// <summary>Why nobody takes it, in words; of hosts with one reason together.</summary>
    public string Refusal
    {
        get
        {
            if (Unknown is not null)
            {
                return Unknown;
            }

            var told = LeftOut.Where(host => host.Reason != HostLeftOut.NotWished)
                .GroupBy(host => host.Reason, host => host.Host)
                .Select(hosts => $"{NamesOf([.. hosts])}: {hosts.Key}")
                .ToList();
            return told.Count == 0 ? "no host has reported to the fleet" : $"no host takes it: {string.Join("; ", told)}";
        }
    }

    /// <summary>A fleet may have hundreds.</summary>
    private static string NamesOf(IReadOnlyList<string> hosts)
    {
        const int Named = 3;
        var names = string.Join(", ", hosts.Take(Named));
        return hosts.Count > Named ? $"{names} and {hosts.Count - Named} more" : names;
    }
}

/// <summary>A host that is not asked.</summary>
/// <param name="Host">Its name.</param>
/// <param name="Reason">In words.</param>
/// <param name="Suits">Whether it is as wished, and only takes nothing now.</param>
/// <param name="IsFull">Whether that is for want of room.</param>
public sealed record HostLeftOut(string Host, string Reason, bool Suits, bool IsFull = false)
{
    /// <summary>The reason that is not told: it goes without saying.</summary>
    internal const string NotWished = "it is not the wished host";

    /// <summary>Whether it may turn out to have room, once it has answered others.</summary>
    public bool IsUndecided { get; init; }
}
