using System.Diagnostics;
using Sentry.Protocol;

namespace Sentry.Internal;

/// <summary>An exception and all that it wraps, as the protocol wants it: innermost first, each pointing at its parent.</summary>
internal static class ExceptionChain
{
    public static IReadOnlyList<SentryException> Describe(Exception exception)
    {
        var found = new List<SentryException>();
        Walk(exception, null, null, found);
        found.Reverse();
        if (found is [{ Mechanism: { } only }])
        {
            only.ExceptionId = null;
        }

        return found;
    }

    private static void Walk(Exception exception, int? parent, string? source, List<SentryException> found)
    {
        var id = found.Count;
        found.Add(DescribeOne(exception, id, parent, source));
        if (exception is AggregateException aggregate)
        {
            for (var i = 0; i < aggregate.InnerExceptions.Count; i++)
            {
                Walk(aggregate.InnerExceptions[i], id, $"InnerExceptions[{i}]", found);
            }
        }
        else if (exception.InnerException is { } inner)
        {
            Walk(inner, id, "InnerException", found);
        }
    }

    private static SentryException DescribeOne(Exception exception, int id, int? parent, string? source)
    {
        var mechanism = new Mechanism
        {
            Handled = Take<bool>(exception, Mechanism.HandledKey) ?? true,
            Terminal = Take<bool>(exception, Mechanism.TerminalKey),
            HelpLink = exception.HelpLink,
            ExceptionId = id,
            ParentId = parent,
            Source = source,
            IsExceptionGroup = exception is AggregateException,
        };
        mechanism.Type = TakeText(exception, Mechanism.MechanismKey) ?? mechanism.Type;
        mechanism.Description = TakeText(exception, Mechanism.DescriptionKey);
        if (source is not null)
        {
            mechanism.Type = "chained";
        }

        mechanism.Data["HResult"] = $"0x{exception.HResult:X8}";
        foreach (var key in exception.Data.Keys.OfType<string>())
        {
            mechanism.Data[key] = exception.Data[key] ?? "";
        }

        return new SentryException
        {
            Type = exception.GetType().FullName,
            Module = exception.GetType().Assembly.FullName,
            // An aggregate's own message repeats those of its parts, which are sent themselves.
            Value = exception is AggregateException ? exception.Message.Split(" (")[0] : exception.Message,
            ThreadId = Environment.CurrentManagedThreadId,
            Mechanism = mechanism,
            Stacktrace = exception.StackTrace is null ? null : StackTraces.Of(new StackTrace(exception, fNeedFileInfo: true)),
        };
    }

    private static T? Take<T>(Exception exception, string key)
        where T : struct
    {
        if (exception.Data[key] is not T value)
        {
            return null;
        }

        exception.Data.Remove(key);
        return value;
    }

    private static string? TakeText(Exception exception, string key)
    {
        var value = exception.Data[key] as string;
        if (value is not null)
        {
            exception.Data.Remove(key);
        }

        return value;
    }
}
