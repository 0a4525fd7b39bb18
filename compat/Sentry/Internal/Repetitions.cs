using System.Runtime.CompilerServices;

namespace Sentry.Internal;

/// <summary>Knows what was captured before, for as long as it lives.</summary>
internal sealed class Repetitions(DeduplicateMode mode)
{
    private readonly ConditionalWeakTable<object, object?> _captured = [];

    public bool Seen(SentryEvent sentryEvent)
        => (mode.HasFlag(DeduplicateMode.SameEvent) && !_captured.TryAdd(sentryEvent, null))
            || (sentryEvent.Exception is { } exception && Seen(exception));

    private bool Seen(Exception exception)
    {
        if (mode.HasFlag(DeduplicateMode.SameExceptionInstance) && !_captured.TryAdd(exception, null))
        {
            return true;
        }

        if (mode.HasFlag(DeduplicateMode.AggregateException) && exception is AggregateException aggregate)
        {
            return aggregate.InnerExceptions.Any(Seen);
        }

        return mode.HasFlag(DeduplicateMode.InnerException) && exception.InnerException is { } inner && Seen(inner);
    }
}
