using System.IO.Compression;
using Sentry.Extensibility;
using Sentry.Infrastructure;

namespace Sentry;

/// <summary>How the SDK behaves.</summary>
public class SentryOptions
{
    private readonly Lazy<string> _installationId;
    private float? _sampleRate;
    private int _maxQueueItems = 30;
    private IDiagnosticLogger? _diagnosticLogger;

    public SentryOptions() => _installationId = new(() => Internal.InstallationId.Find(this));

    /// <summary>Where to send to: <c>scheme://key@host/project</c>. Null asks SENTRY_DSN; empty disables the SDK.</summary>
    public string? Dsn { get; set; }

    /// <summary>Null asks SENTRY_ENVIRONMENT; <c>production</c> when that is unset too.</summary>
    public string? Environment { get; set; }

    /// <summary>Null asks SENTRY_RELEASE, then the program's own name and version.</summary>
    public string? Release { get; set; }

    public string? Distribution { get; set; }

    public string? ServerName { get; set; }

    /// <summary>Whether the machine's and the user's name may be sent.</summary>
    public bool SendDefaultPii { get; set; }

    /// <summary>One scope for the whole process instead of one that follows the flow of each asynchronous call.</summary>
    public bool IsGlobalModeEnabled { get; set; }

    /// <summary>Whether the SDK leaves no file on this machine, not even one with an id of the installation.</summary>
    public bool DisableFileWrite { get; set; }

    public int MaxBreadcrumbs { get; set; } = 100;

    public bool AttachStacktrace { get; set; } = true;

    /// <summary>The share of events sent, above 0 and at most 1; null sends all.</summary>
    public float? SampleRate
    {
        get => _sampleRate;
        set => _sampleRate = value is > 1 or <= 0
            ? throw new InvalidOperationException($"A sample rate of {value} is not valid: above 0 and at most 1, or null for all.")
            : value;
    }

    /// <summary>Events that wait to be sent, at least 1; those beyond it are dropped and counted.</summary>
    public int MaxQueueItems
    {
        get => _maxQueueItems;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            _maxQueueItems = value;
        }
    }

    /// <summary>How long closing waits for what is queued.</summary>
    public TimeSpan ShutdownTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a flush without a timeout of its own waits.</summary>
    public TimeSpan FlushTimeout { get; set; } = TimeSpan.FromSeconds(2);

    public CompressionLevel RequestBodyCompressionLevel { get; set; } = CompressionLevel.Optimal;

    /// <summary>Whether the server is told how much was dropped, and why.</summary>
    public bool SendClientReports { get; set; } = true;

    public Func<HttpMessageHandler>? CreateHttpMessageHandler { get; set; }

    public Action<HttpClient>? ConfigureClient { get; set; }

    public DeduplicateMode DeduplicateMode { get; set; } = DeduplicateMode.All ^ DeduplicateMode.InnerException;

    /// <summary>Set on every event that has not set them itself.</summary>
    public Dictionary<string, string> DefaultTags { get; } = [];

    /// <summary>Whether the SDK says what it does, to <see cref="DiagnosticLogger"/> or the console.</summary>
    public bool Debug { get; set; }

    public SentryLevel DiagnosticLevel { get; set; } = SentryLevel.Debug;

    /// <summary>Used only while <see cref="Debug"/> is on.</summary>
    public IDiagnosticLogger? DiagnosticLogger
    {
        get => Debug ? _diagnosticLogger : null;
        set => _diagnosticLogger = value;
    }

    internal string InstallationId => _installationId.Value;

    internal Func<SentryEvent, SentryHint, SentryEvent?>? BeforeSend { get; private set; }

    internal Func<Breadcrumb, SentryHint, Breadcrumb?>? BeforeBreadcrumb { get; private set; }

    internal bool CaptureUnhandled { get; private set; } = true;

    internal bool CaptureUnobserved { get; private set; } = true;

    internal bool CloseAtProcessExit { get; private set; } = true;

    /// <summary>May change an event, or drop it by answering null.</summary>
    public void SetBeforeSend(Func<SentryEvent, SentryHint, SentryEvent?> beforeSend) => BeforeSend = beforeSend;

    public void SetBeforeSend(Func<SentryEvent, SentryEvent?> beforeSend) => BeforeSend = (sentryEvent, _) => beforeSend(sentryEvent);

    public void SetBeforeBreadcrumb(Func<Breadcrumb, SentryHint, Breadcrumb?> beforeBreadcrumb) => BeforeBreadcrumb = beforeBreadcrumb;

    public void SetBeforeBreadcrumb(Func<Breadcrumb, Breadcrumb?> beforeBreadcrumb) => BeforeBreadcrumb = (breadcrumb, _) => beforeBreadcrumb(breadcrumb);

    /// <summary>Unhandled exceptions are not captured: who calls this reports them itself.</summary>
    public void DisableAppDomainUnhandledExceptionCapture() => CaptureUnhandled = false;

    public void DisableUnobservedTaskExceptionCapture() => CaptureUnobserved = false;

    /// <summary>What is queued is not flushed when the process exits: who calls this flushes itself.</summary>
    public void DisableAppDomainProcessExitFlush() => CloseAtProcessExit = false;

    internal void SetUp()
    {
        if (Debug)
        {
            _diagnosticLogger ??= new ConsoleDiagnosticLogger(DiagnosticLevel);
        }
    }

    internal void Log(SentryLevel level, string message, Exception? exception = null, params object?[] args)
    {
        if (DiagnosticLogger is { } logger && logger.IsEnabled(level))
        {
            logger.Log(level, message, exception, args);
        }
    }
}
