using Sentry.Internal;

namespace Sentry;

/// <summary>Something that happened before an event and may explain it.</summary>
public sealed class Breadcrumb
{
    private readonly string? _message;
    private readonly IReadOnlyDictionary<string, string>? _data;
    private bool _redacted;

    public Breadcrumb(
        string message,
        string type,
        IReadOnlyDictionary<string, string>? data = null,
        string? category = null,
        BreadcrumbLevel level = default)
        : this(DateTimeOffset.UtcNow, message, type, data, category, level)
    {
    }

    internal Breadcrumb(
        DateTimeOffset timestamp,
        string? message,
        string? type,
        IReadOnlyDictionary<string, string>? data,
        string? category,
        BreadcrumbLevel level)
    {
        Timestamp = timestamp;
        _message = message;
        Type = type;
        _data = data;
        Category = category;
        Level = level;
    }

    public DateTimeOffset Timestamp { get; }

    public string? Message => _redacted && _message is not null ? Redaction.Of(_message) : _message;

    public string? Type { get; }

    public IReadOnlyDictionary<string, string>? Data => _redacted ? _data?.ToDictionary(pair => pair.Key, pair => Redaction.Of(pair.Value)) : _data;

    public string? Category { get; }

    public BreadcrumbLevel Level { get; }

    /// <summary>From now on it tells no credentials of addresses.</summary>
    internal void Redact() => _redacted = true;
}
