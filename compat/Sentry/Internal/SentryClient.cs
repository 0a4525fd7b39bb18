namespace Sentry.Internal;

/// <summary>From an event to an envelope in the queue: fill in, filter, hand over.</summary>
internal sealed class SentryClient : IDisposable
{
    private readonly SentryOptions _options;
    private readonly Repetitions _repetitions;
    private readonly ClientReports _reports;
    private readonly SendQueue _queue;

    public SentryClient(SentryOptions options, Dsn dsn)
    {
        _options = options;
        _repetitions = new Repetitions(options.DeduplicateMode);
        _reports = new ClientReports(options.SendClientReports);
        _queue = new SendQueue(options, new HttpTransport(options, dsn, _reports), _reports);
    }

    /// <summary>The event's id, or <see cref="SentryId.Empty"/> when it was dropped.</summary>
    public SentryId Capture(SentryEvent sentryEvent, Scope scope, SentryHint? hint)
    {
        hint ??= new SentryHint();
        scope.Apply(sentryEvent);
        sentryEvent.Level = scope.Level ?? sentryEvent.Level;
        if (sentryEvent.Exception is { } exception)
        {
            var chain = ExceptionChain.Describe(exception);
            ExceptionData.Move(chain, sentryEvent);
            sentryEvent.SentryExceptions = chain;
        }

        if (_repetitions.Seen(sentryEvent))
        {
            return Dropped("event_processor");
        }

        EventFacts.Fill(sentryEvent, _options);
        var kept = AskBeforeSend(sentryEvent, hint);
        if (kept is null)
        {
            return Dropped("before_send");
        }

        if (_options.SampleRate is { } rate && Random.Shared.NextDouble() >= rate)
        {
            return Dropped("sample_rate");
        }

        if (!_options.SendDefaultPii)
        {
            kept.Redact();
        }

        return _queue.Enqueue(Envelope.Of(kept)) ? kept.EventId : SentryId.Empty;
    }

    public Task FlushAsync(TimeSpan timeout) => _queue.FlushAsync(timeout);

    public void Dispose() => _queue.Dispose();

    private SentryEvent? AskBeforeSend(SentryEvent sentryEvent, SentryHint hint)
    {
        if (_options.BeforeSend is not { } beforeSend)
        {
            return sentryEvent;
        }

        try
        {
            return beforeSend(sentryEvent, hint);
        }
        catch (Exception e)
        {
            // A faulty callback costs no event; the event tells of it.
            _options.Log(SentryLevel.Error, "The BeforeSend callback threw; its event is sent as it was.", e);
            var data = new Dictionary<string, string> { ["message"] = e.Message, ["stackTrace"] = e.StackTrace ?? "" };
            sentryEvent.AddBreadcrumb("BeforeSend callback failed.", "SentryClient", data: data, level: BreadcrumbLevel.Error);
            return sentryEvent;
        }
    }

    private SentryId Dropped(string reason)
    {
        _reports.Count(reason, "error");
        return SentryId.Empty;
    }
}
