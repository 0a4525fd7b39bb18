namespace HostService.Tests.Cluster.Alerts;

/// <summary>The system's clock, which a test can put forward. Timers run on as they are, so a silo does not notice.</summary>
internal sealed class MovableClock : TimeProvider
{
    private long _ticks;

    public override long GetTimestamp() => base.GetTimestamp() + (Interlocked.Read(ref _ticks) * TimestampFrequency / TimeSpan.TicksPerSecond);

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + TimeSpan.FromTicks(Interlocked.Read(ref _ticks));

    public void PutForward(TimeSpan by) => Interlocked.Add(ref _ticks, by.Ticks);
}
