using HostService.GrainInterfaces.Fleet;

namespace HostService.Grains.Fleet;

/// <summary>
/// Which host is asked next for which mandelbox. The owner asks: after whatever it tells this class, it takes from <see cref="Next"/> the
/// hosts to ask, and tells what each has answered. Requests are served in the order in which they came. One that no host with room suits,
/// for example because it wants a kind of GPU that is nowhere free, does not hold up those behind it which such a host does suit. Not
/// thread-safe.
/// </summary>
public sealed class PlacementScheduler(FleetOptions options, TimeProvider timeProvider)
{
    /// <summary>For several hosts that do not answer, one after the other.</summary>
    private static readonly TimeSpan LimitWithoutQueue = TimeSpan.FromSeconds(30);

    private readonly SortedDictionary<string, KnownHost> _hosts = new(StringComparer.Ordinal);
    private readonly LinkedList<Placement> _placements = [];
    private readonly Dictionary<string, Placement> _byMandelbox = new(StringComparer.Ordinal);

    private readonly long _began = timeProvider.GetTimestamp();

    /// <summary>How many reports have come.</summary>
    private int _reports;

    /// <summary>How long a request may take to find a host; the last answer may come a little later.</summary>
    public TimeSpan Limit => options.QueueCapacity > 0 ? options.QueueTimeout : LimitWithoutQueue;

    /// <summary>
    /// Whether hosts may not have reported yet, as after the silo that knew them has died: then one that suits may still come.
    /// </summary>
    private bool IsNew => timeProvider.GetElapsedTime(_began) <= options.AwayAfter;

    /// <summary>All hosts that have reported, by name.</summary>
    public IEnumerable<FleetHost> Hosts => _hosts.Values.Select(host => Look(host).Host);

    /// <summary>How many requests wait because the hosts that suit them are full.</summary>
    public int Queued => _placements.Count(placement => placement.IsQueued);

    /// <summary>How many requests are not answered yet.</summary>
    public int Count => _placements.Count;

    /// <summary>Returns whether the host was not known.</summary>
    public bool Report(HostReport report)
    {
        var asked = _hosts.TryGetValue(report.Host, out var known) ? known.Room.Asked : [];

        // What the host has reserved so far is dropped: its report counts that. A report that was on its way meanwhile does not; then the
        // host is asked once too often, and refuses. Calls that it has not answered stay until it answers; what they reserve is not
        // counted here then, because this report may count it.
        var host = new FleetHost(report, timeProvider.GetUtcNow(), Away: null);
        _hosts[report.Host] = new KnownHost(new HostRoom(host) { Asked = asked }, timeProvider.GetTimestamp(), ++_reports);
        return known is null;
    }

    /// <summary>A host that was known before this fleet's start, and has not reported since: it is away until it does.</summary>
    public void Restore(KeptHost kept)
    {
        var silence = timeProvider.GetUtcNow() - kept.ReportedAt;
        var report = new HostReport { Host = kept.Host, Address = kept.Address, Status = HostStatus.Active, Capacity = 0, Free = 0 };
        var host = new FleetHost(report, kept.ReportedAt, Away: "it has not reported since the fleet's start");
        _hosts.TryAdd(kept.Host, new KnownHost(
            new HostRoom(host), timeProvider.GetTimestamp(), ++_reports, silence > TimeSpan.Zero ? silence : TimeSpan.Zero));
    }

    public bool IsKnown(string host) => _hosts.ContainsKey(host);

    /// <summary>Nothing is placed there until it reports again.</summary>
    public void SetAway(string host, string why)
    {
        if (_hosts.TryGetValue(host, out var known))
        {
            known.Room = known.Room with { Host = known.Room.Host with { Away = why } };
        }
    }

    /// <summary>Removes a host that is away. Null on success, else why not.</summary>
    public string? Forget(string host)
    {
        if (!_hosts.TryGetValue(host, out var known))
        {
            return null;
        }

        var room = Look(known);
        if (room.Host.Away is null)
        {
            return $"host {host} is not away: drain it, and end its service";
        }

        if (room.Asked.Count > 0)
        {
            return $"host {host} is just being asked to take a mandelbox: try again in some seconds";
        }

        _hosts.Remove(host);
        return null;
    }

    /// <summary>The request of a mandelbox that is not answered yet; null when there is none.</summary>
    public Placement? Find(string mandelboxId) => _byMandelbox.GetValueOrDefault(mandelboxId);

    /// <summary>A mandelbox has one request at a time (<see cref="Find"/>).</summary>
    public Placement Add(PlacementRequest request)
    {
        var placement = new Placement(request, timeProvider.GetTimestamp());
        _byMandelbox.Add(request.MandelboxId, placement);
        _placements.AddLast(placement);
        return placement;
    }

    /// <summary>
    /// The requests for which a host is to be asked now: <see cref="Placement.AskedHost"/>. Answers those for which there is none and that
    /// may not wait.
    /// </summary>
    public IReadOnlyList<Placement> Next()
    {
        var next = new List<Placement>();
        var queued = Queued;

        // Room only shrinks below: where nobody takes a request, nobody takes a later one with the same wishes.
        var hopeless = new Dictionary<PlacementWishes, HostSelection>();
        foreach (var placement in _placements.Where(placement => placement.AskedHost is null).ToList())
        {
            var request = placement.Request;
            var isPlain = request.Excluded is not { Count: > 0 };
            if (!isPlain || !hopeless.TryGetValue(request.Wishes, out var selection))
            {
                selection = HostSelector.Select(_hosts.Values.Select(Look), request, options.Order);
            }

            if (selection.Hosts.FirstOrDefault() is { } name)
            {
                (placement.AskedHost, placement.AskedReport) = (name, _hosts[name].Number);
                _hosts[name].Room = _hosts[name].Room with { Asked = _hosts[name].Room.Asked.Add(request.AppName) };
                next.Add(placement);
                continue;
            }

            if (isPlain)
            {
                hopeless[request.Wishes] = selection;
            }

            if (selection.IsUndecided || placement.IsQueued)
            {
                // One that waits goes on waiting also when no host suits it any longer: hosts come and go.
                continue;
            }

            if (selection.IsFull && queued < options.QueueCapacity)
            {
                placement.IsQueued = true;
                queued++;
                continue;
            }

            var full = selection.IsFull && options.QueueCapacity > 0 ? "; the queue is full" : "";
            Complete(placement, new PlacementAnswer(null, selection.Refusal + full, selection.IsTemporary || IsNew));
        }

        return next;
    }

    /// <summary>
    /// The host has reserved the room. False when it has become known meanwhile that it takes nothing: then the reservation is to be
    /// cancelled, and the request goes on.
    /// </summary>
    public bool Reserved(Placement placement)
    {
        var host = TakeAsked(placement);
        var room = Look(host);
        var report = room.Host.Report;
        if (room.Host.Away is not null || report.Status != HostStatus.Active)
        {
            GiveUpIfOverdue(placement);
            return false;
        }

        if (placement.AskedReport == host.Number)
        {
            host.Room = host.Room with { Reserved = host.Room.Reserved.Add(placement.Request.AppName) };
        }

        Complete(placement, new PlacementAnswer(report.Host, null, Address: report.Address));
        return true;
    }

    /// <summary>The host has refused. It is not asked again before it reports: that would be no use, and cost everybody time.</summary>
    public void Refused(Placement placement, string why) => Close(placement, new HostRefusal(why, IsFull: true));

    /// <summary>The host has not answered. Whether it has reserved anything is not known.</summary>
    public void Unanswered(Placement placement, string why) => Close(placement, new HostRefusal(why, IsFull: false));

    /// <summary>The time of a request is over. It is refused, once the host that is being asked has refused, too.</summary>
    public void GiveUp(Placement placement)
    {
        placement.IsOverdue = true;
        if (placement.AskedHost is not null || placement.Answer.IsCompleted)
        {
            return;
        }

        var selection = HostSelector.Select(_hosts.Values.Select(Look), placement.Request, options.Order);
        var seconds = timeProvider.GetElapsedTime(placement.Since).TotalSeconds;
        var isTemporary = placement.IsQueued || selection.IsTemporary || IsNew;
        Complete(placement, new PlacementAnswer(null, $"{selection.Refusal}; it waited {seconds:0} s", isTemporary));
    }

    private void Close(Placement placement, HostRefusal refusal)
    {
        var host = TakeAsked(placement);
        host.Room = host.Room with { Refusal = refusal };
        GiveUpIfOverdue(placement);
    }

    private void GiveUpIfOverdue(Placement placement)
    {
        if (placement.IsOverdue)
        {
            GiveUp(placement);
        }
    }

    private KnownHost TakeAsked(Placement placement)
    {
        var host = _hosts[placement.AskedHost!];
        host.Room = host.Room with { Asked = host.Room.Asked.Remove(placement.Request.AppName) };
        placement.AskedHost = null;
        return host;
    }

    private void Complete(Placement placement, PlacementAnswer answer)
    {
        _placements.Remove(placement);
        _byMandelbox.Remove(placement.Request.MandelboxId);
        placement.Source.TrySetResult(answer);
    }

    /// <summary>The host as it is now: one that has not reported for long is away.</summary>
    private HostRoom Look(KnownHost host)
    {
        var age = timeProvider.GetElapsedTime(host.ReportedAt) + host.Silence;
        var isLost = age > options.LostAfter;
        return host.Room.Host.Away is null && age <= options.AwayAfter ? host.Room
            : host.Room.Host.Away is not null && host.Room.Host.IsLost == isLost ? host.Room
            : host.Room with
            {
                Host = host.Room.Host with { Away = host.Room.Host.Away ?? $"no report for {age.TotalSeconds:0} s", IsLost = isLost },
            };
    }

    private sealed class KnownHost(HostRoom room, long reportedAt, int number, TimeSpan silence = default)
    {
        /// <summary>How long it had not reported by <see cref="ReportedAt"/>.</summary>
        public TimeSpan Silence => silence;

        /// <summary>Of its report.</summary>
        public int Number => number;

        public HostRoom Room { get; set; } = room;

        /// <summary>As a timestamp, which a change of the clock does not touch.</summary>
        public long ReportedAt => reportedAt;
    }
}
