using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Sentry.Protocol;

namespace Sentry.Internal;

/// <summary>An event in the protocol's words. https://develop.sentry.dev/sdk/data-model/event-payloads/</summary>
internal static class EventJson
{
    public static byte[] Write(SentryEvent e) => JsonSerializer.SerializeToUtf8Bytes(
        new Dictionary<string, object?>
        {
            ["event_id"] = e.EventId.ToString(),
            ["timestamp"] = e.Timestamp,
            ["platform"] = e.Platform,
            ["level"] = Name(e.Level),
            ["logger"] = e.Logger,
            ["logentry"] = Message(e.Message),
            ["exception"] = Values(e.SentryExceptions?.Select(Exception)),
            ["threads"] = Values(e.CallerStack is { } stack ? [Thread(stack)] : null),
            ["server_name"] = e.ServerName,
            ["release"] = e.Release,
            ["dist"] = e.Distribution,
            ["environment"] = e.Environment,
            ["transaction"] = e.TransactionName,
            ["fingerprint"] = e.Fingerprint.Count == 0 ? null : e.Fingerprint,
            ["user"] = User(e.User),
            ["tags"] = e.Tags.Count == 0 ? null : e.Tags,
            ["extra"] = Extra(e.Extra),
            ["breadcrumbs"] = e.Breadcrumbs.Count == 0 ? null : e.Breadcrumbs.Select(Breadcrumb),
            ["modules"] = e.Modules.Count == 0 ? null : e.Modules,
            ["contexts"] = Contexts(e),
            ["sdk"] = new { name = Settings.SdkName, version = Settings.SdkVersion },
        }.Where(pair => pair.Value is not null).ToDictionary(),
        Envelope.Json);

    private static string? Name(SentryLevel? level) => level?.ToString().ToLowerInvariant();

    private static object? Message(SentryMessage? message)
        => message is null ? null : new { message = message.Message, @params = message.Params, formatted = message.Formatted };

    private static object? Values(IEnumerable<object>? values) => values?.ToArray() is { Length: > 0 } list ? new { values = list } : null;

    private static object Exception(SentryException exception) => new
    {
        type = exception.Type,
        value = exception.Value,
        module = exception.Module,
        thread_id = exception.ThreadId,
        stacktrace = Stack(exception.Stacktrace),
        mechanism = exception.Mechanism is not { } mechanism ? null : new
        {
            type = mechanism.Type,
            description = mechanism.Description,
            source = mechanism.Source,
            help_link = mechanism.HelpLink,
            handled = mechanism.Handled,
            is_exception_group = mechanism.IsExceptionGroup ? true : (bool?)null,
            exception_id = mechanism.ExceptionId,
            parent_id = mechanism.ParentId,
            data = Extra(mechanism.Data.ToDictionary(pair => pair.Key, pair => (object?)pair.Value)),
        },
    };

    private static object Thread(SentryStackTrace stack) => new
    {
        id = Environment.CurrentManagedThreadId,
        name = System.Threading.Thread.CurrentThread.Name,
        crashed = false,
        current = true,
        stacktrace = Stack(stack),
    };

    private static object? Stack(SentryStackTrace? stack) => stack is null ? null : new
    {
        frames = stack.Frames.Select(frame => new
        {
            filename = frame.FileName,
            function = frame.Function,
            module = frame.Module,
            lineno = frame.LineNumber,
            colno = frame.ColumnNumber,
            abs_path = frame.AbsolutePath,
            in_app = frame.InApp,
            package = frame.Package,
        }),
    };

    private static object? User(SentryUser user) => !user.HasAnyData ? null : new
    {
        id = user.Id,
        username = user.Username,
        email = user.Email,
        ip_address = user.IpAddress,
        other = user.Other.Count == 0 ? null : user.Other,
    };

    // What a caller hands over may not be serializable at all (a type, a stream): its text goes instead.
    private static Dictionary<string, object?>? Extra(IReadOnlyDictionary<string, object?> extra)
        => extra.Count == 0 ? null : extra.ToDictionary(pair => pair.Key, pair => Safe(pair.Value));

    private static object? Safe(object? value)
    {
        try
        {
            return JsonSerializer.SerializeToElement(value, Envelope.Json);
        }
        catch (Exception e) when (e is NotSupportedException or JsonException or InvalidOperationException)
        {
            return value?.ToString();
        }
    }

    private static object Breadcrumb(Breadcrumb breadcrumb) => new
    {
        timestamp = breadcrumb.Timestamp.ToUniversalTime().ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture),
        message = breadcrumb.Message,
        type = breadcrumb.Type,
        data = breadcrumb.Data is { Count: > 0 } data ? data : null,
        category = breadcrumb.Category,
        level = breadcrumb.Level == default ? null : breadcrumb.Level.ToString().ToLowerInvariant(),
    };

    private static Dictionary<string, object?> Contexts(SentryEvent e)
    {
        var contexts = new Dictionary<string, object?>
        {
            ["runtime"] = new
            {
                type = "runtime",
                name = ".NET",
                version = Environment.Version.ToString(),
                raw_description = RuntimeInformation.FrameworkDescription,
            },
            ["os"] = new { type = "os", raw_description = RuntimeInformation.OSDescription },
        };
        if (e.Trace is { } trace)
        {
            contexts["trace"] = new { type = "trace", trace_id = trace.TraceId.ToString(), span_id = trace.SpanId };
        }

        foreach (var (name, value) in e.OtherContexts)
        {
            contexts[name] = Safe(value);
        }

        return contexts;
    }
}
