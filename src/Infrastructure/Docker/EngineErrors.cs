using System.Net;
using System.Text.Json;
using Docker.DotNet;

namespace HostService.Infrastructure.Docker;

/// <summary>Says in the domain's words why a call failed.</summary>
internal static class EngineErrors
{
    /// <param name="what">What was attempted on what, as it can stand after "could not".</param>
    public static ContainerEngineException Translate(string what, Exception exception) => exception switch
    {
        ContainerEngineException known => known,
        DockerApiException { StatusCode: HttpStatusCode.NotFound } e => Failed(EngineFailure.NotFound, what, Words(e), e),
        DockerApiException e when IsPortTaken(Words(e)) => Failed(EngineFailure.PortTaken, what, Words(e), e),
        DockerApiException e => Failed(EngineFailure.Refused, what, Words(e), e),
        HttpRequestException or IOException or System.Net.Sockets.SocketException or ObjectDisposedException =>
            Failed(EngineFailure.Unreachable, what, $"the engine does not answer ({Innermost(exception)})", exception),
        // An answer that cannot be read, whatever the client's JSON reader calls it.
        _ => Failed(EngineFailure.Refused, what, $"the engine's answer was not understood ({exception.Message})", exception),
    };

    public static ContainerEngineException TimedOut(string what, TimeSpan deadline, Exception exception) =>
        Failed(EngineFailure.TimedOut, what, $"no answer within {deadline.TotalSeconds:0.###} s", exception);

    public static ContainerEngineException Failed(EngineFailure failure, string what, string why, Exception? exception = null) =>
        new(failure, $"Could not {what}: {why}", exception);

    /// <summary>The engine's own words, out of <c>{"message": …}</c>.</summary>
    public static string Words(DockerApiException exception)
    {
        var body = exception.ResponseBody ?? "";
        try
        {
            using var json = JsonDocument.Parse(body);
            if (json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("message", out var message)
                && message.ValueKind == JsonValueKind.String)
            {
                return message.GetString()!.Trim();
            }
        }
        catch (JsonException)
        {
            // Something between us and the engine answered, in its own way: shown as it is.
        }

        return $"{(int)exception.StatusCode} {(body.Length > 500 ? body[..500] + "…" : body)}".Trim();
    }

    /// <summary>dockerd has no code for it: the first text is of its own port allocator, the second one of the kernel.</summary>
    private static bool IsPortTaken(string words) =>
        words.Contains("port is already allocated", StringComparison.Ordinal)
        || words.Contains("address already in use", StringComparison.Ordinal);

    private static string Innermost(Exception exception) => exception.GetBaseException().Message;
}
