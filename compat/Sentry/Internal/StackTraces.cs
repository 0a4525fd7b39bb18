using System.Diagnostics;

namespace Sentry.Internal;

/// <summary>.NET's stack traces as the protocol wants them: the outermost call first.</summary>
internal static class StackTraces
{
    private static readonly string[] NotTheApp = ["System.", "Microsoft.", "Sentry."];

    public static SentryStackTrace? Of(StackTrace trace)
    {
        var frames = trace.GetFrames().Where(frame => frame.GetMethod() is not null).Select(Of).Reverse().ToList();
        return frames.Count == 0 ? null : new SentryStackTrace { Frames = frames };
    }

    /// <summary>The calls that led to a capture, without the SDK's own.</summary>
    public static SentryStackTrace? OfCaller()
    {
        var frames = new StackTrace(fNeedFileInfo: true).GetFrames()
            .SkipWhile(frame => frame.GetMethod()?.Module.Assembly == typeof(StackTraces).Assembly);
        return Of(new StackTrace(frames));
    }

    private static SentryStackFrame Of(StackFrame frame)
    {
        var method = frame.GetMethod()!;
        var module = method.DeclaringType?.FullName;
        var file = frame.GetFileName();
        return new SentryStackFrame
        {
            Module = module,
            Function = $"{method.Name}({string.Join(", ", method.GetParameters().Select(p => p.ParameterType.Name))})",
            Package = method.Module.Assembly.FullName,
            FileName = file is null ? null : Path.GetFileName(file),
            AbsolutePath = file,
            LineNumber = frame.GetFileLineNumber() is > 0 and var line ? line : null,
            ColumnNumber = frame.GetFileColumnNumber() is > 0 and var column ? column : null,
            InApp = module is not null && !NotTheApp.Any(prefix => module.StartsWith(prefix, StringComparison.Ordinal)),
        };
    }
}
