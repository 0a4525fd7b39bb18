using System.Collections.Concurrent;
using HostService.Infrastructure.Linux.Systemd;

namespace HostService.Tests.Support;

/// <summary>A service manager in memory.</summary>
public sealed class FakeSystemd : ISystemd
{
    private readonly ConcurrentQueue<string> _notifications = new();
    private readonly ConcurrentQueue<string> _startedUnits = new();
    private int _loadTimeQueries;

    public TimeSpan? WatchdogInterval { get; init; }

    /// <summary>Messages as on the notify socket: <c>READY=1</c>, <c>STATUS=…</c>.</summary>
    public IReadOnlyList<string> Notifications => [.. _notifications];

    /// <summary>Every unit that was to be started.</summary>
    public IReadOnlyList<string> StartedUnits => [.. _startedUnits];

    /// <summary>When set, every start of a unit fails with it.</summary>
    public SystemdException? StartFailure { get; set; }

    /// <summary>What each call of <see cref="UnitsLoadedAtAsync"/> returns or throws.</summary>
    public Func<long?> UnitsLoadedAt { get; set; } = () => null;

    public int LoadTimeQueries => Volatile.Read(ref _loadTimeQueries);

    public void Ready() => _notifications.Enqueue("READY=1");

    public void Status(string line) => _notifications.Enqueue($"STATUS={line}");

    public void Stopping() => _notifications.Enqueue("STOPPING=1");

    public void Watchdog() => _notifications.Enqueue("WATCHDOG=1");

    public void ExtendTimeout(TimeSpan by) => _notifications.Enqueue($"EXTEND_TIMEOUT_USEC={by.TotalMicroseconds:0}");

    public Task StartUnitAsync(string unit, CancellationToken cancellationToken)
    {
        _startedUnits.Enqueue(unit);
        return StartFailure is null ? Task.CompletedTask : Task.FromException(StartFailure);
    }

    public Task<long?> UnitsLoadedAtAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _loadTimeQueries);
        try
        {
            return Task.FromResult(UnitsLoadedAt());
        }
        catch (SystemdException exception)
        {
            return Task.FromException<long?>(exception);
        }
    }
}
