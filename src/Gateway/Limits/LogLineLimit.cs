namespace HostService.Gateway.Limits;

/// <summary>Bounds the log lines that strangers can cause, all together, to a number a minute.</summary>
internal sealed class LogLineLimit(int perMinute, TimeProvider timeProvider)
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private long? _began;
    private int _written;
    private long _leftOut;

    /// <summary>Whether one more line may be written.</summary>
    /// <param name="leftOut">Lines that were not written since the last one that was.</param>
    public bool TryTake(out long leftOut)
    {
        lock (_gate)
        {
            if (_began is not { } began || timeProvider.GetElapsedTime(began) >= Minute)
            {
                (_began, _written) = (timeProvider.GetTimestamp(), 0);
            }

            if (_written == perMinute)
            {
                leftOut = ++_leftOut;
                return false;
            }

            _written++;
            (leftOut, _leftOut) = (_leftOut, 0);
            return true;
        }
    }
}
