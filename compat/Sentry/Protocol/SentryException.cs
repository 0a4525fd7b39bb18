namespace Sentry.Protocol;

/// <summary>One exception of a chain, as it is sent.</summary>
public sealed class SentryException
{
    public string? Type { get; set; }

    public string? Value { get; set; }

    public string? Module { get; set; }

    public int ThreadId { get; set; }

    public SentryStackTrace? Stacktrace { get; set; }

    public Mechanism? Mechanism { get; set; }
}

/// <summary>How an exception came to be captured, and its place in the chain.</summary>
public sealed class Mechanism
{
    /// <summary>Keys of <see cref="Exception.Data"/> by which who captures says how.</summary>
    public static readonly string HandledKey = "Sentry:Handled";
    public static readonly string MechanismKey = "Sentry:Mechanism";
    public static readonly string DescriptionKey = "Sentry:Description";
    public static readonly string TerminalKey = "Sentry:Terminal";

    public string Type { get; set; } = "generic";

    public string? Description { get; set; }

    public string? Source { get; set; }

    public string? HelpLink { get; set; }

    public bool? Handled { get; set; }

    public bool? Terminal { get; internal set; }

    public bool IsExceptionGroup { get; set; }

    public int? ExceptionId { get; set; }

    public int? ParentId { get; set; }

    public IDictionary<string, object> Data { get; } = new Dictionary<string, object>();
}
