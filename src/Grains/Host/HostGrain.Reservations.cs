namespace HostService.Grains.Host;

/// <summary>
/// Room for mandelboxes that the fleet is about to place here. Leases stay the authority: room that is gone by then is not given.
/// </summary>
public sealed partial class HostGrain
{
    private const string AllReserved = "the room that is left is reserved for mandelboxes that the fleet places here";
    private const string Drains = "this host is draining: it takes no new mandelboxes";

    private readonly Reservations _reservations = new(timeProvider);

    /// <summary>Runs while room is reserved.</summary>
    private Task _following = Task.CompletedTask;

    /// <summary>What can be leased at once.</summary>
    private int FreeNow => Math.Min(_leases.Ttys.Free, _leases.Gpus.Figures.Free);

    /// <summary>
    /// For how many more mandelboxes of users there is room. One that waits for users is adopted or ended for one of them; what it has on
    /// an unhealthy GPU is only a TTY.
    /// </summary>
    private int Room
    {
        get
        {
            var gpus = WaitingWithLease().Select(waiting => _leases.Find(waiting.MandelboxId)!.GpuIndex).ToList();
            return Math.Min(_leases.Ttys.Free + gpus.Count, _leases.Gpus.Figures.Free + gpus.Count(_leases.Gpus.IsHealthy));
        }
    }

    public Task<string?> Reserve(string mandelboxId)
    {
        if (_leases.Find(mandelboxId) is not null)
        {
            // A placement that is repeated.
            return Task.FromResult<string?>(null);
        }

        var refusal = ReasonNotReserved(mandelboxId);
        LogReserve(mandelboxId, refusal ?? "room is reserved");
        if (refusal is null)
        {
            Keep(mandelboxId);
        }

        return Task.FromResult(refusal);
    }

    public Task CancelReservation(string mandelboxId)
    {
        _reservations.Remove(mandelboxId);
        ServeQueue(isUnreserved: true);
        return Task.CompletedTask;
    }

    private static bool IsOfUser(string mandelboxId) => mandelboxId != MandelboxIds.WarmUp && !MandelboxIds.IsWaiting(mandelboxId);

    private string? ReasonNotReserved(string mandelboxId) =>
        _status == HostStatus.Draining ? Drains
        : ReasonClosed(mandelboxId) is { } closed ? closed
        : _notReady.Count > 0 ? $"this host is not ready: {string.Join("; ", _notReady.Values)}"
        : _queue.Next is { } first && !_reservations.Has(mandelboxId) ? $"others wait here already: {first.Missing}"
        : ReasonNoRoom(mandelboxId, Room);

    /// <summary>Why a request gets nothing of what is free; null where it may have some.</summary>
    private string? ReasonReserved(string mandelboxId) =>
        _reservations.Count == 0 || _reservations.Has(mandelboxId) || _leases.Find(mandelboxId) is not null
            ? null
            : ReasonNoRoom(mandelboxId, IsOfUser(mandelboxId) ? Room : FreeNow);

    private string? ReasonNoRoom(string mandelboxId, int room) =>
        room > _reservations.CountOthers(mandelboxId) ? null : room > 0 ? AllReserved : _leases.ExplainFull();

    /// <summary>Gives a lease of what is not reserved for others. It uses up the mandelbox's own reservation.</summary>
    private LeaseAnswer Give(LeaseRequest request, bool mayAdopt)
    {
        var answer = ReasonReserved(request.MandelboxId) is { } reserved ? LeaseAnswer.Full(reserved)
            : (mayAdopt ? HandOver(request) : null) ?? _leases.Acquire(request);
        if (answer.Lease is not null)
        {
            _reservations.Remove(request.MandelboxId);
        }

        return answer;
    }

    /// <summary>Where nothing can be leased at once: the mandelbox that waits for users, and whose end makes room for this one.</summary>
    private string? WhoMakesRoom(LeaseRequest request) =>
        request.CanEndWaiting && IsOfUser(request.MandelboxId) && ReasonReserved(request.MandelboxId) is null
            ? WaitingWithLease().MinBy(m => m.State.IsAlive ? 0 : 1)?.MandelboxId
            : null;

    private void Keep(string mandelboxId)
    {
        _reservations.Keep(mandelboxId);
        _following = _following.IsCompleted ? FollowReservationsAsync() : _following;
    }

    /// <summary>Serves those that wait when a reservation has expired.</summary>
    private async Task FollowReservationsAsync()
    {
        while (_reservations.NextExpiry is { } left)
        {
            // A timer leaves out fractions of a millisecond, and must not fire too early.
            await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)), timeProvider);
            ServeQueue(isUnreserved: true);
        }
    }

    [LoggerMessage(LogLevel.Debug, "The fleet wants to place mandelbox {MandelboxId} here: {Answer}")]
    private partial void LogReserve(string mandelboxId, string answer);
}
