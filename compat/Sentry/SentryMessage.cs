namespace Sentry;

/// <summary>An event's text, with its parameters kept apart where it has any.</summary>
public sealed class SentryMessage
{
    public string? Message { get; set; }

    public IEnumerable<object>? Params { get; set; }

    public string? Formatted { get; set; }

    public static implicit operator SentryMessage(string? message) => new() { Message = message };
}
