namespace Sentry;

/// <summary>Something with tags.</summary>
public interface IHasTags
{
    IReadOnlyDictionary<string, string> Tags { get; }

    void SetTag(string key, string value);

    void UnsetTag(string key);
}

/// <summary>Something with extra data.</summary>
public interface IHasExtra
{
    IReadOnlyDictionary<string, object?> Extra { get; }

    void SetExtra(string key, object? value);
}

/// <summary>What an event and a scope have in common.</summary>
public interface IEventLike : IHasTags, IHasExtra
{
    IReadOnlyCollection<Breadcrumb> Breadcrumbs { get; }

    string? Distribution { get; set; }

    SentryLevel? Level { get; set; }

    SentryUser User { get; set; }

    string? Release { get; set; }

    string? Environment { get; set; }

    string? TransactionName { get; set; }

    IReadOnlyList<string> Fingerprint { get; set; }

    void AddBreadcrumb(Breadcrumb breadcrumb);
}

public static class HasTagsExtensions
{
    public static void SetTags(this IHasTags hasTags, IEnumerable<KeyValuePair<string, string>> tags)
    {
        foreach (var (key, value) in tags)
        {
            hasTags.SetTag(key, value);
        }
    }
}

public static class HasExtraExtensions
{
    public static void SetExtras(this IHasExtra hasExtra, IEnumerable<KeyValuePair<string, object?>> values)
    {
        foreach (var (key, value) in values)
        {
            hasExtra.SetExtra(key, value);
        }
    }
}

public static class EventLikeExtensions
{
    public static void AddBreadcrumb(
        this IEventLike eventLike,
        string message,
        string? category = null,
        string? type = null,
        IReadOnlyDictionary<string, string>? data = null,
        BreadcrumbLevel level = default)
        => eventLike.AddBreadcrumb(new Breadcrumb(DateTimeOffset.UtcNow, message, type, data, category, level));

    public static bool HasUser(this IEventLike eventLike) => eventLike.User.HasAnyData;

    public static void SetFingerprint(this IEventLike eventLike, IEnumerable<string> fingerprint)
        => eventLike.Fingerprint = [.. fingerprint];

    public static void SetFingerprint(this IEventLike eventLike, params string[] fingerprint)
        => eventLike.Fingerprint = fingerprint;
}
