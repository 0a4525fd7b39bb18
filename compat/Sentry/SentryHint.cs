namespace Sentry;

/// <summary>What a callback may want to know beside the event.</summary>
public class SentryHint
{
    public SentryHint()
    {
    }

    public SentryHint(string key, object? value) => Items[key] = value;

    public IDictionary<string, object?> Items { get; } = new Dictionary<string, object?>();
}
