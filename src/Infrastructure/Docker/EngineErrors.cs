using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Docker.DotNet;

namespace HostService.Infrastructure.Docker;

/// <summary>Translates failures of calls to the engine.</summary>
internal static class EngineErrors
{
    /// <param name="what">Follows "could not" in the message: <c>start the container …</c>.</param>
    public static ContainerEngineException Translate(string what, Exception exception) => exception switch
    {
        ContainerEngineException known => known,
        DockerApiException e when IsNetworkGone(Words(e)) => Failed(EngineFailure.NetworkGone, what, Words(e), e),
        DockerApiException { StatusCode: HttpStatusCode.NotFound } e => Failed(EngineFailure.NotFound, what, Words(e), e),
        DockerApiException e when IsPortTaken(Words(e)) => Failed(EngineFailure.PortTaken, what, Words(e), e),
        DockerApiException e => Failed(EngineFailure.Refused, what, Words(e), e),
        HttpRequestException or IOException or SocketException or ObjectDisposedException =>
            Failed(EngineFailure.Unreachable, what, $"the engine does not answer ({Reason(exception.GetBaseException())})", exception),

        // An answer that the client's JSON reader cannot parse, for example.
        _ => Failed(EngineFailure.Refused, what, $"the engine's answer was not understood ({exception.Message})", exception),
    };

    public static ContainerEngineException TimedOut(string what, TimeSpan timeout, Exception exception) =>
        Failed(EngineFailure.TimedOut, what, $"no answer within {timeout.TotalSeconds:0.###} s", exception);

    public static ContainerEngineException Failed(EngineFailure failure, string what, string reason, Exception? exception = null) =>
        new(failure, $"Could not {what}: {reason}", exception);

    /// <summary>The engine's text, from <c>{"message": …}</c>.</summary>
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
            // A proxy answered instead of the engine; its text is shown as it is.
        }

        return $"{(int)exception.StatusCode} {(body.Length > 500 ? body[..500] + "…" : body)}".Trim();
    }

    /// <summary>.NET reports a socket that does not exist in the words of another error.</summary>
    private static string Reason(Exception exception) =>
        exception is SocketException { SocketErrorCode: SocketError.AddressNotAvailable } ? "its socket does not exist" : exception.Message;

    /// <summary>dockerd reports no code for this.</summary>
    private static bool IsNetworkGone(string words) =>
        words.Contains("cannot join network of a non running container", StringComparison.Ordinal);

    /// <summary>dockerd reports no code for this. The first text comes from its port allocator, the second one from the kernel.</summary>
    private static bool IsPortTaken(string words) =>
        words.Contains("port is already allocated", StringComparison.Ordinal)
        || words.Contains("address already in use", StringComparison.Ordinal);
}
