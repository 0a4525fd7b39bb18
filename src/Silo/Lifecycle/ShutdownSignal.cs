using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using HostService.GrainInterfaces;

namespace HostService.Silo.Lifecycle;

/// <summary>
/// Everything that ends the service asks here (B30): the first request decides the exit code, and a second signal of the operating system
/// cuts the grace period short. It exists before anything else does, so that a signal in the first moment of a start is a clean end, too.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "It lives as long as the process.")]
public sealed class ShutdownSignal : IShutdownSignal
{
    private static readonly PosixSignal[] Signals = [PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP, PosixSignal.SIGQUIT];

    /// <summary>
    /// Never disposed: systemd's TERM may arrive while the process exits, and would make the exit code 143 if its handler had gone.
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

    /// <summary>A signal of which TERM, INT, HUP and QUIT are requests from now on, until the process ends.</summary>
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
