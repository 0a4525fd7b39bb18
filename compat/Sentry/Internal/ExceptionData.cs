using Sentry.Protocol;

namespace Sentry.Internal;

/// <summary>What code has left in <see cref="Exception.Data"/> for the event rather than for the exception, by the beginning of its key.</summary>
internal static class ExceptionData
{
    private const string Prefix = "sentry:";
    private const string Tag = "sentry:tag:";
    private const string Context = "sentry:context:";

    public static void Move(IReadOnlyList<SentryException> chain, SentryEvent sentryEvent)
    {
        for (var i = 0; i < chain.Count; i++)
        {
            var data = chain[i].Mechanism?.Data ?? new Dictionary<string, object>();
            foreach (var (key, value) in data.Where(pair => pair.Key.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase)).ToList())
            {
                if (value is string text && Rest(key, Tag) is { } tag)
                {
                    sentryEvent.SetTag(tag, text);
                }
                else if (Rest(key, Context) is { } context)
                {
                    sentryEvent.OtherContexts[context] = value;
                }
                else
                {
                    sentryEvent.SetExtra($"Exception[{i}][{key}]", value);
                }

                data.Remove(key);
            }
        }
    }

    private static string? Rest(string key, string prefix)
        => key.Length > prefix.Length && key.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) ? key[prefix.Length..] : null;
}
