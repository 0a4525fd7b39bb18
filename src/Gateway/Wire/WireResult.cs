using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using HostService.Gateway.Limits;
using Microsoft.AspNetCore.Http;

namespace HostService.Gateway.Wire;

/// <summary>The answers that existing callers know, byte for byte.</summary>
internal sealed class WireResult(int status, string contentType, byte[] body, TimeSpan? retryAfter = null) : IResult
{
    private const string Json = "application/json";
    private const string PlainText = "text/plain; charset=utf-8";

    // Callers read JSON, not HTML: quotes inside the devices' JSON text come out as \" and not as \u0022.
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static WireResult Malformed { get; } = new(StatusCodes.Status400BadRequest, PlainText, "Malformed body"u8.ToArray());

    public static WireResult TooLarge { get; } = new(StatusCodes.Status413PayloadTooLarge, PlainText, []);

    /// <summary>One of the limits on what callers may hold at a time is reached.</summary>
    public static WireResult Busy { get; } = new(StatusCodes.Status503ServiceUnavailable, PlainText, [], RequestLimit.RetryAfter);

    public static WireResult OtherMethod(string expected, string got) =>
        new(StatusCodes.Status400BadRequest, PlainText, Encoding.UTF8.GetBytes($"Bad request type. Expected {expected}, got {got}"));

    public static WireResult Unauthorized(TimeSpan? retryAfter = null) =>
        new(StatusCodes.Status401Unauthorized, PlainText, "Unauthorized"u8.ToArray(), retryAfter);

    public static WireResult Refused(string reason) =>
        new(StatusCodes.Status406NotAcceptable, Json, JsonSerializer.SerializeToUtf8Bytes(new WireRefusal("", reason), Plain));

    public static WireResult Result(SpinUpResult result) => Answer(new SpinUpAnswer(result));

    public static WireResult Result(string result) => Answer(new TextAnswer(result));

    /// <summary>The empty result, or reason there is none.</summary>
    public static WireResult Outcome(string? refusal) => refusal is null ? Result("") : Refused(refusal);

    /// <summary>A value as a JSON text within the result.</summary>
    public static WireResult ResultText<T>(T value) => Result(JsonSerializer.Serialize(value, Plain));

    /// <summary>Refused for now: the same request may succeed later.</summary>
    public static WireResult TryAgain(string reason) => new(
        StatusCodes.Status503ServiceUnavailable,
        Json,
        JsonSerializer.SerializeToUtf8Bytes(new WireRefusal("", reason), Plain),
        RequestLimit.RetryAfter);

    public static WireResult Answer<T>(T answer) =>
        new(StatusCodes.Status200OK, Json, JsonSerializer.SerializeToUtf8Bytes(answer, Plain));

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = status;
        response.ContentLength = body.Length;
        if (retryAfter is { } wait)
        {
            response.Headers.RetryAfter = ((long)Math.Ceiling(wait.TotalSeconds)).ToString();
        }

        if (body.Length == 0)
        {
            return;
        }

        response.ContentType = contentType;
        await response.Body.WriteAsync(body, httpContext.RequestAborted);
    }
}
