using Sentry.Protocol;

namespace Sentry;

/// <summary>What is sent: an exception or a message, and what was known when it happened.</summary>
public sealed class SentryEvent : IEventLike
{
    private readonly List<Breadcrumb> _breadcrumbs = [];
    private readonly Dictionary<string, object?> _extra = [];
    private readonly Dictionary<string, string> _tags = [];

    public SentryEvent()
        : this(null)
    {
    }

    public SentryEvent(Exception? exception) => Exception = exception;

    public Exception? Exception { get; }

    public SentryId EventId { get; } = SentryId.Create();

    public DateTimeOffset Timestamp { get; } = DateTimeOffset.UtcNow;

    public SentryMessage? Message { get; set; }

    public string? Logger { get; set; }

    public string? Platform { get; set; } = "csharp";

    public string? ServerName { get; set; }

    public string? Release { get; set; }

    public string? Distribution { get; set; }

    public IEnumerable<SentryException>? SentryExceptions { get; set; } = [];

    public SentryLevel? Level { get; set; }

    public string? TransactionName { get; set; }

    public SentryUser User { get; set; } = new();

    public string? Environment { get; set; }

    public IReadOnlyList<string> Fingerprint { get; set; } = [];

    public IDictionary<string, string> Modules { get; } = new Dictionary<string, string>();

    public IReadOnlyCollection<Breadcrumb> Breadcrumbs => _breadcrumbs;

    public IReadOnlyDictionary<string, object?> Extra => _extra;

    public IReadOnlyDictionary<string, string> Tags => _tags;

    /// <summary>The trace of the scope on which it was captured.</summary>
    internal Internal.Trace? Trace { get; set; }

    /// <summary>Contexts beside those that every event has.</summary>
    internal Dictionary<string, object> OtherContexts { get; } = [];

    /// <summary>Where it was captured, when there is no exception that tells.</summary>
    internal SentryStackTrace? CallerStack { get; set; }

    public void AddBreadcrumb(Breadcrumb breadcrumb) => _breadcrumbs.Add(breadcrumb);

    internal void Redact() => _breadcrumbs.ForEach(b => b.Redact());

    public void SetExtra(string key, object? value) => _extra[key] = value;

    public void SetTag(string key, string value) => _tags[key] = value;

    public void UnsetTag(string key) => _tags.Remove(key);
}
