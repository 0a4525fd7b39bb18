using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using HostService.Silo.Hosting;

namespace HostService.Silo.Lifecycle;

/// <summary>
/// Takes every request to shut down (B30). The first one begins the shutdown; where that is a drain, the first stop after it takes over.
/// Created before anything else, so that a signal in the first moment of a start ends it cleanly, too.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "It lives as long as the process.")]
public sealed class ShutdownSignal(TimeProvider timeProvider) : IShutdownSignal, IShutdownControl
{
    private static readonly TimeSpan LongestDelay = TimeSpan.FromDays(1);
    private static readonly PosixSignal[] Signals = [PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP, PosixSignal.SIGQUIT];

    /// <summary>Never disposed: without its handler, a TERM that systemd sends while the process exits makes the exit code 143.</summary>
    private static readonly List<PosixSignalRegistration> Registrations = [];

    private readonly Lock _gate = new();
    private readonly TaskCompletionSource<ShutdownRequest> _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _requestedSource = new();
    private TaskCompletionSource<ShutdownRequest> _requested = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private CancellationTokenSource _drainEnd = new();
    private volatile DrainTimeouts _timeouts = new(null, null);
    private int _signals;

    /// <summary>The first request for this drain that an operator may not cancel: not a call or a signal.</summary>
    private ShutdownRequest? _notCancellable;

    /// <summary>A drain that was requested after the present one was cancelled and before the host resumed.</summary>
    private ShutdownRequest? _next;
    private bool _isCancelled;
    private bool _isOver;

    /// <summary>Completed by the first request; after a drain that was cancelled, by the next one.</summary>
    public Task<ShutdownRequest> Requested => _requested.Task;

    /// <summary>Cancelled by the first request.</summary>
    public CancellationToken Token => _requestedSource.Token;

    /// <summary>Completed by the first stop.</summary>
    public Task<ShutdownRequest> Stopped => _stopped.Task;

    /// <summary>What the service ends for: the first stop, or else the drain; null while nobody has asked for an end.</summary>
    public ShutdownRequest? Decisive =>
        new[] { Stopped, Requested }.FirstOrDefault(request => request.IsCompletedSuccessfully)?.Result;

    /// <summary>Cancelled by the first stop, and when the drain is cancelled: nobody is waited for any longer.</summary>
    public CancellationToken DrainToken => _drainEnd.Token;

    /// <summary>From now on until the process ends, TERM, INT, HUP and QUIT are requests.</summary>
    public static ShutdownSignal OfThisProcess()
    {
        var shutdown = new ShutdownSignal(TimeProvider.System);
        Registrations.AddRange(Signals.Select(signal => PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            shutdown.Signal(context.Signal);
        })));
        return shutdown;
    }

    /// <summary>Says how long drains may last, once the configuration is known. Until then every signal is a stop.</summary>
    public void Configure(DrainTimeouts timeouts) => _timeouts = timeouts;

    /// <summary>A signal. The first TERM drains where the environment says so; any other signal is a stop.</summary>
    public void Signal(PosixSignal signal)
    {
        var drains = Interlocked.Increment(ref _signals) == 1 && signal == PosixSignal.SIGTERM && _timeouts.OfTerm is not null;
        Request(new ShutdownRequest(
            ShutdownReason.Signal, signal.ToString(), Drains: drains, DrainTimeout: drains ? _timeouts.OfTerm : null));
    }

    public void Request(ShutdownRequest request)
    {
        lock (_gate)
        {
            // The stop comes first: whoever sees the request must not take it for a drain. Callbacks run on the thread pool, because the
            // caller may be a grain's turn.
            if (!request.Drains && _stopped.TrySetResult(request))
            {
                _ = _drainEnd.CancelAsync();
            }

            if (request.Drains && _isCancelled)
            {
                _next ??= request;
                return;
            }

            _notCancellable ??= request.Drains && request.Reason is not (ShutdownReason.Request or ShutdownReason.Signal) ? request : null;
            var isFirst = _requested.TrySetResult(request);
            if (isFirst)
            {
                _ = _requestedSource.CancelAsync();
            }

            TimeSpan?[] limits = request.Drains ? [request.DrainTimeout, isFirst ? _timeouts.OfAny : null] : [];
            if (limits.Min() is { } limit)
            {
                _ = StopAfterAsync(limit, DrainToken);
            }
        }
    }

    /// <inheritdoc/>
    public string? CancelDrain()
    {
        lock (_gate)
        {
            if (!_requested.Task.IsCompleted)
            {
                return "this host is not draining";
            }

            if (_isOver || _stopped.Task.IsCompleted)
            {
                return "this host is shutting down already";
            }

            if (_notCancellable is { } request)
            {
                return $"this drain cannot be cancelled: {request.Detail}";
            }

            _isCancelled = true;
            _ = _drainEnd.CancelAsync();
            return null;
        }
    }

    /// <summary>Called when the wait of a drain is over: true if it was cancelled, and the host goes on.</summary>
    /// <param name="canResume">Whether the host is whole: one whose start failed only ends.</param>
    public bool TryResume(bool canResume)
    {
        lock (_gate)
        {
            if (!canResume || !_isCancelled || _stopped.Task.IsCompleted)
            {
                _isOver = true;
                return false;
            }

            (_isCancelled, _signals) = (false, 0);
            _requested = new TaskCompletionSource<ShutdownRequest>(TaskCreationOptions.RunContinuationsAsynchronously);
            _drainEnd = new CancellationTokenSource();
            if (_next is { } next)
            {
                _next = null;
                Request(next);
            }

            return true;
        }
    }

    /// <summary>The webserver's request (B32).</summary>
    public void Request(string reason, bool force) => Request(new ShutdownRequest(ShutdownReason.Request, reason, Drains: !force));

    /// <inheritdoc/>
    public void Restart() => Request(new ShutdownRequest(
        ShutdownReason.Restart, "an operator restarts the service; mandelboxes go on", ExitCodes.Restart));

    private async Task StopAfterAsync(TimeSpan limit, CancellationToken drainEnd)
    {
        // A timer takes 49 days at most.
        for (var left = limit; left > TimeSpan.Zero && !drainEnd.IsCancellationRequested; left -= LongestDelay)
        {
            await Task.Delay(left < LongestDelay ? left : LongestDelay, timeProvider, drainEnd)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (!drainEnd.IsCancellationRequested)
        {
            Request(new ShutdownRequest(ShutdownReason.DrainTimeout, $"the drain could not last longer than {limit}"));
        }
    }
}

/// <summary>How long a drain may last.</summary>
/// <param name="OfAny"><c>Shutdown:DrainTimeout</c>; null for no limit.</param>
/// <param name="OfTerm">A drain that TERM began; null where TERM is a stop.</param>
public sealed record DrainTimeouts(TimeSpan? OfAny, TimeSpan? OfTerm);
