namespace Sentry;

/// <summary>Frames, the outermost call first.</summary>
public class SentryStackTrace
{
    public IList<SentryStackFrame> Frames { get; set; } = [];
}

/// <summary>One call.</summary>
public sealed class SentryStackFrame
{
    public string? FileName { get; set; }

    public string? Function { get; set; }

    public string? Module { get; set; }

    public int? LineNumber { get; set; }

    public int? ColumnNumber { get; set; }

    public string? AbsolutePath { get; set; }

    public bool? InApp { get; set; }

    public string? Package { get; set; }
}
