namespace Sentry.Internal;

/// <summary>What ties the events of one scope together.</summary>
/// <param name="SpanId">16 hex digits.</param>
internal sealed record Trace(SentryId TraceId, string SpanId)
{
    public static Trace Create() => new(SentryId.Create(), Guid.NewGuid().ToString("n")[..16]);
}
