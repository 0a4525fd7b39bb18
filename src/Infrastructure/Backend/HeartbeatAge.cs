namespace HostService.Infrastructure.Backend;

/// <summary>The time since the last heartbeat that was accepted. Safe from any thread.</summary>
internal sealed class HeartbeatAge(TimeProvider timeProvider)
{
    private const long None = -1;
    private long _acceptedAt = None;

    /// <summary>Null while no heartbeats are sent.</summary>
    public TimeSpan? Current => Interlocked.Read(ref _acceptedAt) is not None and var at ? timeProvider.GetElapsedTime(at) : null;

    /// <summary>One was accepted; or the first one is about to be sent.</summary>
    public void Reset() => Interlocked.Exchange(ref _acceptedAt, timeProvider.GetTimestamp());

    public void Stop() => Interlocked.Exchange(ref _acceptedAt, None);
}
