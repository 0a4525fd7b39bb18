namespace Sentry.Internal;

/// <summary>One initialised SDK: scopes, client, and what it listens to.</summary>
internal sealed class Hub : IDisposable
{
    private readonly SentryClient _client;
    private readonly ScopeStack _scopes;
    private readonly ProcessEvents _process;
    private int _closed;

    /// <summary>Throws on a DSN that makes no sense.</summary>
    public Hub(SentryOptions options, Dsn dsn)
    {
        Options = options;
        _client = new SentryClient(options, dsn);
        _scopes = new ScopeStack(options);
        _scopes.Push();
        if (options.IsGlobalModeEnabled)
        {
            _scopes.Current.User.Id ??= options.InstallationId;
        }

        _process = new ProcessEvents(this, options);
    }

    public SentryOptions Options { get; }

    public bool IsEnabled => Volatile.Read(ref _closed) == 0;

    public SentryId LastEventId => _scopes.Current.LastEventId;

    public IDisposable PushScope() => _scopes.Push();

    public void ConfigureScope(Action<Scope> configure) => Guard("configure the scope", () => configure(_scopes.Current));

    public void AddBreadcrumb(Breadcrumb breadcrumb, SentryHint? hint) => _scopes.Current.AddBreadcrumb(breadcrumb, hint ?? new SentryHint());

    public SentryId Capture(SentryEvent sentryEvent, Scope? scope = null, SentryHint? hint = null)
    {
        if (!IsEnabled)
        {
            return SentryId.Empty;
        }

        var current = scope ?? _scopes.Current;
        var id = SentryId.Empty;
        Guard("capture an event", () =>
        {
            sentryEvent.Trace ??= current.Trace;
            id = _client.Capture(sentryEvent, current, hint);
            current.LastEventId = id;
            LeaveBreadcrumb(sentryEvent, current);
        });
        return id;
    }

    /// <summary>The change to the scope holds for this event only.</summary>
    public SentryId Capture(SentryEvent sentryEvent, Action<Scope> configure, SentryHint? hint = null)
    {
        if (!IsEnabled)
        {
            return SentryId.Empty;
        }

        var current = _scopes.Current;
        var id = SentryId.Empty;
        Guard("capture an event", () =>
        {
            var own = current.Clone();
            configure(own);
            sentryEvent.Trace ??= own.Trace;
            id = _client.Capture(sentryEvent, own, hint);
            LeaveBreadcrumb(sentryEvent, current);
        });
        return id;
    }

    public Task FlushAsync(TimeSpan timeout) => _client.FlushAsync(timeout);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            _process.Dispose();
            _client.Dispose();
        }
    }

    // The next event shows that this one came before it.
    private static void LeaveBreadcrumb(SentryEvent sentryEvent, Scope scope)
    {
        if (sentryEvent.Exception is not { } exception)
        {
            return;
        }

        var text = sentryEvent.Message?.Formatted;
        if (string.IsNullOrWhiteSpace(text))
        {
            scope.AddBreadcrumb(exception.Message, "Exception", level: BreadcrumbLevel.Fatal);
        }
        else
        {
            var data = new Dictionary<string, string> { ["exception_message"] = exception.Message };
            scope.AddBreadcrumb(text, "Exception", data: data, level: BreadcrumbLevel.Fatal);
        }
    }

    // Reporting an error must not cause one: what a callback throws is told to the diagnostic logger.
    private void Guard(string what, Action action)
    {
        try
        {
            action();
        }
        catch (Exception e)
        {
            Options.Log(SentryLevel.Error, "Failed to {0}.", e, what);
        }
    }
}
