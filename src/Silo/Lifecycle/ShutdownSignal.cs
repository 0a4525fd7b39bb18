using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace HostService.Silo.Lifecycle;

/// <summary>
/// Takes every request to shut down (B30). The first one decides the exit code; a signal after it cuts the grace period short. Created
/// before anything else, so that a signal in the first moment of a start ends it cleanly, too.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "It lives as long as the process.")]
public sealed class ShutdownSignal : IShutdownSignal
{
    private static readonly PosixSignal[] Signals = [PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP, PosixSignal.SIGQUIT];

    /// <summary>
    /// Never disposed: without its handler, a TERM that systemd sends while the process exits would make the exit code 143.
    /// </summary>
    private static readonly List<PosixSignalRegistration> Registrations = [];

    private readonly TaskCompletionSource<ShutdownRequest> _requested = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _secondSignal = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stopStart = new();

    /// <summary>Completed by the first request.</summary>
    public Task<ShutdownRequest> Requested => _requested.Task;

    /// <summary>Completed by a signal that comes after the first request.</summary>
    public Task SecondSignal => _secondSignal.Task;

    /// <summary>Cancelled by the first request.</summary>
    public CancellationToken Token => _stopStart.Token;

    /// <summary>From now on until the process ends, TERM, INT, HUP and QUIT are requests.</summary>
    public static ShutdownSignal OfThisProcess()
    {
        var shutdown = new ShutdownSignal();
        Registrations.AddRange(Signals.Select(signal => PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            shutdown.Request(new ShutdownRequest(ShutdownReason.Signal, context.Signal.ToString()));
        })));
        return shutdown;
    }

    public void Request(ShutdownRequest request)
    {
        if (_requested.TrySetResult(request))
        {
            // Callbacks run on the thread pool: the caller may be a grain's turn.
            _ = _stopStart.CancelAsync();
        }
        else if (request.Reason == ShutdownReason.Signal)
        {
            _secondSignal.TrySetResult();
        }
    }

    /// <summary>The webserver's request (B32).</summary>
    public void Request(string reason) => Request(new ShutdownRequest(ShutdownReason.Request, reason));
}
