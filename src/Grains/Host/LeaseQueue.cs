namespace HostService.Grains.Host;

/// <summary>Requests for leases that wait until something is free, first come, first served. Not thread-safe.</summary>
public sealed class LeaseQueue(int capacity)
{
    private readonly LinkedList<WaitingRequest> _waiting = [];

    /// <summary>The mandelboxes that wait, the next one first.</summary>
    public IEnumerable<string> Mandelboxes => _waiting.Select(waiting => waiting.Request.MandelboxId);

    public WaitingRequest? Next => _waiting.First?.Value;

    public int Count => _waiting.Count;

    /// <summary>Null when the queue is full.</summary>
    /// <param name="missing">What is not free.</param>
    public WaitingRequest? TryAdd(LeaseRequest request, string missing)
    {
        if (_waiting.Count >= capacity)
        {
            return null;
        }

        var waiting = new WaitingRequest(request, missing);
        _waiting.AddLast(waiting);
        return waiting;
    }

    /// <summary>Ends the wait. False when it has ended already.</summary>
    public bool Answer(WaitingRequest waiting, LeaseAnswer answer)
    {
        waiting.Source.TrySetResult(answer);
        return _waiting.Remove(waiting);
    }

    public WaitingRequest? Find(Guid leaseId) => _waiting.FirstOrDefault(waiting => waiting.Request.LeaseId == leaseId);

    /// <summary>The first of these mandelboxes; null when none of them waits.</summary>
    public WaitingRequest? FirstOf(Func<string, bool> isWanted) =>
        _waiting.FirstOrDefault(waiting => isWanted(waiting.Request.MandelboxId));

    /// <summary>1 for the next one; null for a mandelbox that does not wait.</summary>
    public int? PlaceOf(string mandelboxId)
    {
        var place = Mandelboxes.TakeWhile(id => id != mandelboxId).Count() + 1;
        return place <= _waiting.Count ? place : null;
    }
}

/// <summary>A request that waits.</summary>
public sealed class WaitingRequest(LeaseRequest request, string missing)
{
    public LeaseRequest Request => request;

    /// <summary>What was not free when it began to wait.</summary>
    public string Missing => missing;

    public Task<LeaseAnswer> Answer => Source.Task;

    internal TaskCompletionSource<LeaseAnswer> Source { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
