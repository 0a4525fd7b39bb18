using System.Collections.Concurrent;
using Sentry.Internal;

namespace Sentry;

/// <summary>What every event captured under it gets, unless the event has set it itself.</summary>
public class Scope : IEventLike
{
    private readonly SentryOptions _options;
    private readonly ConcurrentQueue<Breadcrumb> _breadcrumbs = new();
    private readonly ConcurrentDictionary<string, object?> _extra = new();
    private readonly ConcurrentDictionary<string, string> _tags = new();

    public Scope(SentryOptions? options) => _options = options ?? new SentryOptions();

    /// <summary>Overrides the level of an event, unlike everything else here.</summary>
    public SentryLevel? Level { get; set; }

    public SentryUser User { get; set; } = new();

    public string? Release { get; set; }

    public string? Distribution { get; set; }

    public string? Environment { get; set; }

    public string? TransactionName { get; set; }

    public IReadOnlyList<string> Fingerprint { get; set; } = [];

    public IReadOnlyCollection<Breadcrumb> Breadcrumbs => _breadcrumbs;

    public IReadOnlyDictionary<string, object?> Extra => _extra;

    public IReadOnlyDictionary<string, string> Tags => _tags;

    /// <summary>Of this scope alone: a copy has captured nothing yet.</summary>
    internal SentryId LastEventId { get; set; }

    internal Trace Trace { get; private set; } = Trace.Create();

    public void AddBreadcrumb(Breadcrumb breadcrumb) => AddBreadcrumb(breadcrumb, new SentryHint());

    public void AddBreadcrumb(Breadcrumb breadcrumb, SentryHint hint)
    {
        var kept = _options.BeforeBreadcrumb is { } before ? before(breadcrumb, hint) : breadcrumb;
        if (kept is null || _options.MaxBreadcrumbs <= 0)
        {
            return;
        }

        if (_breadcrumbs.Count >= _options.MaxBreadcrumbs)
        {
            _breadcrumbs.TryDequeue(out _);
        }

        _breadcrumbs.Enqueue(kept);
    }

    public void SetExtra(string key, object? value) => _extra[key] = value;

    public void SetTag(string key, string value) => _tags[key] = value;

    public void UnsetTag(string key) => _tags.TryRemove(key, out _);

    public void ClearBreadcrumbs() => _breadcrumbs.Clear();

    public void Clear()
    {
        Level = null;
        User = new SentryUser();
        Release = Distribution = Environment = TransactionName = null;
        Fingerprint = [];
        _breadcrumbs.Clear();
        _extra.Clear();
        _tags.Clear();
    }

    /// <summary>Gives <paramref name="other"/> what it has not set itself.</summary>
    public void Apply(IEventLike other)
    {
        if (other.Fingerprint.Count == 0)
        {
            other.Fingerprint = Fingerprint;
        }

        foreach (var breadcrumb in Breadcrumbs)
        {
            other.AddBreadcrumb(breadcrumb);
        }

        foreach (var (key, value) in Extra.Where(pair => !other.Extra.ContainsKey(pair.Key)))
        {
            other.SetExtra(key, value);
        }

        foreach (var (key, value) in Tags.Where(pair => !other.Tags.ContainsKey(pair.Key)))
        {
            other.SetTag(key, value);
        }

        User.CopyTo(other.User);
        other.Release ??= Release;
        other.Distribution ??= Distribution;
        other.Environment ??= Environment;
        other.TransactionName ??= TransactionName;
        other.Level ??= Level;
    }

    public Scope Clone()
    {
        var copy = new Scope(_options) { Trace = Trace };
        Apply(copy);
        return copy;
    }
}
