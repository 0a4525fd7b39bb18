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

    public void Dispose()
    {
        AppDomain.CurrentDomain.UnhandledException -= OnUnhandled;
        TaskScheduler.UnobservedTaskException -= OnUnobserved;
        AppDomain.CurrentDomain.ProcessExit -= OnExit;
    }

    private void OnUnhandled(object sender, UnhandledExceptionEventArgs e)
    {
        if (e.ExceptionObject is Exception exception)
        {
            exception.Data[Mechanism.HandledKey] = false;
            exception.Data[Mechanism.MechanismKey] = "AppDomain.UnhandledException";
            _hub.Capture(new SentryEvent(exception));
        }

        if (e.IsTerminating)
        {
            _hub.FlushAsync(_options.ShutdownTimeout).GetAwaiter().GetResult();
        }
    }

    private void OnUnobserved(object? sender, UnobservedTaskExceptionEventArgs e)
    {
        e.Exception.Data[Mechanism.HandledKey] = false;
        e.Exception.Data[Mechanism.TerminalKey] = false;
        e.Exception.Data[Mechanism.MechanismKey] = "UnobservedTaskException";
        _hub.Capture(new SentryEvent(e.Exception));
    }

    private void OnExit(object? sender, EventArgs e) => _hub.Dispose();
}
