using System.Net.Quic;
using Sentry.Protocol;

namespace Sentry.Internal;

/// <summary>Captures what nobody caught, and flushes when the process exits.</summary>
internal sealed class ProcessEvents : IDisposable
{
    private readonly Hub _hub;
    private readonly SentryOptions _options;

    public ProcessEvents(Hub hub, SentryOptions options)
    {
        _hub = hub;
        _options = options;
        if (options.CaptureUnhandled)
        {
            AppDomain.CurrentDomain.UnhandledException += OnUnhandled;
        }

        if (options.CaptureUnobserved)
        {
            TaskScheduler.UnobservedTaskException += OnUnobserved;
        }

        if (options.CloseAtProcessExit)
        {
            AppDomain.CurrentDomain.ProcessExit += OnExit;
        }
    }

    // As in the package, the other two listen for as long as the process lives: a hub that is closed captures nothing, but a crash still waits for
    // what is on its way.
    public void Dispose() => AppDomain.CurrentDomain.ProcessExit -= OnExit;

    private void OnUnhandled(object sender, UnhandledExceptionEventArgs e)
    {
        if (e.ExceptionObject is Exception exception)
        {
            Mark(exception, "AppDomain.UnhandledException", "Nobody caught this exception: it reached the process's own handler, and has probably ended the process.");
            _hub.Capture(new SentryEvent(exception));
        }

        if (e.IsTerminating)
        {
            _hub.FlushAsync(_options.ShutdownTimeout).GetAwaiter().GetResult();
        }
    }

    private void OnUnobserved(object? sender, UnobservedTaskExceptionEventArgs e)
    {
        // .NET's own QUIC connections leave such tasks behind; nothing is wrong with the program.
        if (e.Exception.InnerExceptions.All(inner => inner is QuicException))
        {
            return;
        }

        Mark(e.Exception, "UnobservedTaskException", "Nobody awaited the task that threw this exception, or looked at it. The process has probably gone on.");
        e.Exception.Data[Mechanism.TerminalKey] = false;
        _hub.Capture(new SentryEvent(e.Exception));
    }

    private void OnExit(object? sender, EventArgs e) => _hub.Dispose();

    private static void Mark(Exception exception, string mechanism, string description)
    {
        exception.Data[Mechanism.HandledKey] = false;
        exception.Data.Remove(Mechanism.TerminalKey);
        exception.Data[Mechanism.MechanismKey] = mechanism;
        exception.Data[Mechanism.DescriptionKey] = description;
    }
}
