using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary>Talks to a running service, over HTTPS like every caller.</summary>
internal sealed class ServiceClient : IDisposable
{
    /// <summary>As the operator's API has it.</summary>
    public static JsonSerializerOptions Json { get; } =
        new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() } };

    private readonly HttpClient _http;
    private readonly Uri _address;

    /// <param name="address">Of the service, for example <c>https://127.0.0.1:4678</c>.</param>
    /// <param name="token">The backend's credential.</param>
    /// <param name="caCert">A PEM file with the only certificates that are trusted; null for those of the system.</param>
    /// <exception cref="StartRefusedException">That file cannot be read.</exception>
    public ServiceClient(Uri address, string? token, string? caCert, bool acceptAnyCertificate)
    {
        _address = address;
        var handler = new SocketsHttpHandler { UseProxy = false };
        if (caCert is not null)
        {
            handler.SslOptions.CertificateChainPolicy = TrustOnly(caCert);
        }
        else if (acceptAnyCertificate)
        {
#pragma warning disable CA5359
            handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        }

        _http = new HttpClient(handler) { BaseAddress = address, Timeout = TimeSpan.FromMinutes(3) };
        if (!string.IsNullOrEmpty(token))
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }
    }

    /// <summary>Sends a request; body: JSON or null. Throws <see cref="ServiceClientException"/>, whose message is for the user.</summary>
    public async Task<(HttpStatusCode Status, string Body)> SendAsync(
        HttpMethod method, string path, object? body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
        {
            request.Content = JsonContent.Create(body);
        }

        using var response = await SendAsync(request, HttpCompletionOption.ResponseContentRead, cancellationToken);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(cancellationToken));
    }

    /// <summary>The body of an answer; one that is no success is an exception, whose message is for the user.</summary>
    public async Task<string> GetAsync(string path, CancellationToken cancellationToken)
    {
        var (status, body) = await SendAsync(HttpMethod.Get, path, null, cancellationToken);
        return status == HttpStatusCode.OK ? body : throw new ServiceClientException(Explain(status, body));
    }

    /// <inheritdoc cref="GetAsync(string, CancellationToken)"/>
    public async Task<T> GetAsync<T>(string path, CancellationToken cancellationToken) =>
        Read<T>(await GetAsync(path, cancellationToken));

    /// <summary>As <see cref="GetAsync(string, CancellationToken)"/>, for a body that goes on and on. The caller disposes of it.</summary>
    public async Task<HttpResponseMessage> OpenAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (response.StatusCode == HttpStatusCode.OK)
        {
            return response;
        }

        using (response)
        {
            throw new ServiceClientException(Explain(response.StatusCode, await response.Content.ReadAsStringAsync(cancellationToken)));
        }
    }

    public static T Read<T>(string json) => JsonSerializer.Deserialize<T>(json, Json)!;

    /// <summary>
    /// The whole id of a mandelbox that a user has named, perhaps shortened; one that lives comes before those that have gone.
    /// </summary>
    public async Task<string> FindIdAsync(string text, bool alsoGone, CancellationToken cancellationToken)
    {
        foreach (var path in alsoGone ? new[] { "/v1/mandelboxes", "/v1/history" } : ["/v1/mandelboxes"])
        {
            var ids = (await GetAsync<IReadOnlyList<MandelboxDescription>>(path, cancellationToken)).Select(m => m.MandelboxId);
            if (FindId(text, ids) is { } id)
            {
                return id;
            }
        }

        throw new ServiceClientException($"there is no mandelbox {text}");
    }

    /// <summary>That one of these ids which a text means; null where it means none.</summary>
    public static string? FindId(string text, IEnumerable<string> ids) => ShortIds.Matches(text, ids) switch
    {
        [] => null,
        [var only] => only,
        var several => throw new ServiceClientException(
            $"{text} may be {string.Join(", ", several.Take(5))}{(several.Count > 5 ? ", …" : "")}: give more of the id"),
    };

    private async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, HttpCompletionOption completion, CancellationToken cancellationToken)
    {
        try
        {
            return await _http.SendAsync(request, completion, cancellationToken);
        }
        catch (HttpRequestException exception) when (exception.HttpRequestError == HttpRequestError.SecureConnectionError)
        {
            throw new ServiceClientException(
                $"The certificate of {_address} is not accepted: {exception.GetBaseException().Message.TrimEnd('.')}. "
                + "Copy cert.pem from the service's Host:PrivateRoot and name it with --cacert, or skip the check with --insecure.",
                exception);
        }
        catch (HttpRequestException exception)
        {
            var message = $"No host service answers at {_address}: {exception.Message.TrimEnd('.')}. "
                + "Is it running ('host-service run', or 'host-service fleet')? "
                + "Name another one with --address.";
            throw exception.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused }
                ? new ServiceAwayException(message, exception)
                : new ServiceClientException(message, exception);
        }
        catch (TaskCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ServiceClientException(
                $"The host service at {_address} did not answer within {_http.Timeout.TotalMinutes:0} minutes.", exception);
        }
    }

    /// <summary>Prints an answer that is no success; returns the exit code.</summary>
    public static async Task<int> FailedAsync(HttpStatusCode status, string body)
    {
        await Console.Error.WriteLineAsync($"host-service: {Explain(status, body)}");
        return ExitCodes.Failed;
    }

    /// <summary>An answer that is no success, in words: the text of problem details, and what to do about a missing credential.</summary>
    public static string Explain(HttpStatusCode status, string body)
    {
        var text = body;
        try
        {
            text = JsonNode.Parse(body) is JsonObject problem && (problem["detail"] ?? problem["title"]) is { } why ? $"{why}" : body;
        }
        catch (JsonException)
        {
            // A text, or nothing.
        }

        var answer = $"the service answered {(int)status}: {text}";
        return status == HttpStatusCode.Unauthorized
            ? $"{answer.TrimEnd('.')}. It wants the backend's credential: give it as HOST_SERVICE_TOKEN or with --token."
            : answer;
    }

    public void Dispose() => _http.Dispose();

    private static X509ChainPolicy TrustOnly(string path)
    {
        try
        {
            var policy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            policy.CustomTrustStore.ImportFromPemFile(path);
            return policy.CustomTrustStore.Count > 0 ? policy : throw new CryptographicException("It holds no PEM certificate.");
        }
        catch (Exception exception) when (exception is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new StartRefusedException(ExitCodes.Usage, $"--cacert: cannot use {path}: {exception.Message}", exception);
        }
    }

    /// <summary>Runs a command; a service that cannot be reached is printed and is exit code 1.</summary>
    public static async Task<int> RunAsync(Func<Task<int>> work)
    {
        try
        {
            return await work();
        }
        catch (ServiceClientException exception)
        {
            await Console.Error.WriteLineAsync($"host-service: {exception.Message}");
            return ExitCodes.Failed;
        }
    }
}

/// <summary>The running service could not be reached, or cannot do what was asked; the message is for the user.</summary>
internal class ServiceClientException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>No service listens there.</summary>
internal sealed class ServiceAwayException(string message, Exception inner) : ServiceClientException(message, inner);
