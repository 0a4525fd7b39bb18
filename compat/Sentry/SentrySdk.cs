using Sentry.Internal;

namespace Sentry;

/// <summary>The one door to the SDK. Before <see cref="Init(SentryOptions)"/>, and with an empty DSN, every call does nothing.</summary>
public static class SentrySdk
{
    private static Hub? s_hub;

    public static bool IsEnabled => s_hub is { IsEnabled: true };

    /// <summary>Of the current scope.</summary>
    public static SentryId LastEventId => s_hub?.LastEventId ?? SentryId.Empty;

    /// <summary>Reads the DSN from SENTRY_DSN; throws where there is none.</summary>
    public static IDisposable Init() => Init((string?)null);

    /// <summary>An empty DSN changes nothing.</summary>
    public static IDisposable Init(string? dsn) => dsn?.Length == 0 ? new Handle(null) : Init(options => options.Dsn = dsn);

    public static IDisposable Init(Action<SentryOptions>? configureOptions)
    {
        var options = new SentryOptions();
        configureOptions?.Invoke(options);
        return Init(options);
    }

    /// <summary>
    /// Replaces whatever was initialised before. Throws <see cref="ArgumentNullException"/> without a DSN, <see cref="ArgumentException"/> or
    /// <see cref="UriFormatException"/> on one that makes no sense. Disposing what it returns closes the SDK.
    /// </summary>
    public static IDisposable Init(SentryOptions options)
    {
        options.SetUp();
        Settings.Complete(options);
        var hub = options.Dsn!.Length == 0 ? null : new Hub(options, Dsn.Parse(options.Dsn));
        Interlocked.Exchange(ref s_hub, hub)?.Dispose();
        return new Handle(hub);
    }

    /// <summary>Flushes for <see cref="SentryOptions.ShutdownTimeout"/>, then stops.</summary>
    public static void Close() => Interlocked.Exchange(ref s_hub, null)?.Dispose();

    public static void Flush() => FlushAsync().GetAwaiter().GetResult();

    public static void Flush(TimeSpan timeout) => FlushAsync(timeout).GetAwaiter().GetResult();

    public static Task FlushAsync() => s_hub is { } hub ? hub.FlushAsync(hub.Options.FlushTimeout) : Task.CompletedTask;

    public static Task FlushAsync(TimeSpan timeout) => s_hub?.FlushAsync(timeout) ?? Task.CompletedTask;

    /// <summary>A copy of the current scope, current in this flow of asynchronous calls until disposed.</summary>
    public static IDisposable PushScope() => s_hub?.PushScope() ?? new Handle(null);

    public static void ConfigureScope(Action<Scope> configureScope) => s_hub?.ConfigureScope(configureScope);

    public static void ConfigureScope<TArg>(Action<Scope, TArg> configureScope, TArg arg)
        => s_hub?.ConfigureScope(scope => configureScope(scope, arg));

    public static void SetTag(string key, string value) => ConfigureScope(scope => scope.SetTag(key, value));

    public static void UnsetTag(string key) => ConfigureScope(scope => scope.UnsetTag(key));

    public static void AddBreadcrumb(
        string message,
        string? category = null,
        string? type = null,
        IDictionary<string, string>? data = null,
        BreadcrumbLevel level = default)
    {
        var copy = data is null ? null : new Dictionary<string, string>(data);
        AddBreadcrumb(new Breadcrumb(DateTimeOffset.UtcNow, message, type, copy, category, level));
    }

    public static void AddBreadcrumb(Breadcrumb breadcrumb, SentryHint? hint = null) => s_hub?.AddBreadcrumb(breadcrumb, hint);

    public static SentryId CaptureEvent(SentryEvent evt, Scope? scope = null, SentryHint? hint = null)
        => s_hub?.Capture(evt, scope, hint) ?? SentryId.Empty;

    public static SentryId CaptureEvent(SentryEvent evt, Action<Scope> configureScope)
        => s_hub?.Capture(evt, configureScope) ?? SentryId.Empty;

    public static SentryId CaptureEvent(SentryEvent evt, SentryHint? hint, Action<Scope> configureScope)
        => s_hub?.Capture(evt, configureScope, hint) ?? SentryId.Empty;

    public static SentryId CaptureException(Exception exception) => CaptureEvent(new SentryEvent(exception));

    public static SentryId CaptureException(Exception exception, bool handled, bool terminal = false)
        => CaptureEvent(new SentryEvent(Marked(exception, handled, terminal)));

    public static SentryId CaptureException(Exception exception, Action<Scope> configureScope)
        => CaptureEvent(new SentryEvent(exception), configureScope);

    public static SentryId CaptureException(Exception exception, bool handled, bool terminal, Action<Scope> configureScope)
        => CaptureEvent(new SentryEvent(Marked(exception, handled, terminal)), configureScope);

    public static SentryId CaptureMessage(string message, SentryLevel level = SentryLevel.Info)
        => string.IsNullOrWhiteSpace(message) ? SentryId.Empty : CaptureEvent(new SentryEvent { Message = message, Level = level });

    public static SentryId CaptureMessage(string message, Action<Scope> configureScope, SentryLevel level = SentryLevel.Info)
        => string.IsNullOrWhiteSpace(message)
            ? SentryId.Empty
            : CaptureEvent(new SentryEvent { Message = message, Level = level }, configureScope);

    private static Exception Marked(Exception exception, bool handled, bool terminal)
    {
        exception.Data[Protocol.Mechanism.HandledKey] = handled;
        if (handled)
        {
            exception.Data.Remove(Protocol.Mechanism.TerminalKey);
        }
        else
        {
            exception.Data[Protocol.Mechanism.TerminalKey] = terminal;
        }

        return exception;
    }

    private sealed class Handle(Hub? hub) : IDisposable
    {
        public void Dispose()
        {
            if (hub is not null)
            {
                Interlocked.CompareExchange(ref s_hub, null, hub);
                hub.Dispose();
            }
        }
    }
}
