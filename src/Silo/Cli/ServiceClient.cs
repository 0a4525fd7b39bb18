using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary>Talks to a running service, over HTTPS like every caller.</summary>
internal sealed class ServiceClient : IDisposable
{
    private readonly HttpClient _http;
    private readonly Uri _address;

    /// <param name="address">Of the service, for example <c>https://127.0.0.1:4678</c>.</param>
    /// <param name="token">The backend's credential; not needed from this machine itself.</param>
    public ServiceClient(Uri address, string? token)
    {
        _address = address;
        var handler = new SocketsHttpHandler { UseProxy = false };
        if (address.IsLoopback)
        {
            // The service's own certificate is self-signed and new at each start.
#pragma warning disable CA5359
            handler.SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = (_, _, _, _) => true };
#pragma warning restore CA5359
        }

        _http = new HttpClient(handler) { BaseAddress = address, Timeout = TimeSpan.FromMinutes(3) };
        if (!string.IsNullOrEmpty(token))
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }
    }

    /// <summary>
    /// Sends a request; the body is JSON or null. Throws <see cref="ServiceClientException"/> with a reason for the reader.
    /// </summary>
    public async Task<(HttpStatusCode Status, string Body)> SendAsync(
        HttpMethod method, string path, object? body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
        {
            request.Content = JsonContent.Create(body);
        }

        try
        {
            using var response = await _http.SendAsync(request, cancellationToken);
            return (response.StatusCode, await response.Content.ReadAsStringAsync(cancellationToken));
        }
        catch (HttpRequestException exception)
        {
            throw new ServiceClientException(
                $"No host service answers at {_address}: {exception.Message} Is it running ('host-service run')? "
                + "Name another one with --address.",
                exception);
        }
        catch (TaskCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ServiceClientException(
                $"The host service at {_address} did not answer within {_http.Timeout.TotalMinutes:0} minutes.", exception);
        }
    }

    public void Dispose() => _http.Dispose();

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

/// <summary>The running service could not be reached.</summary>
internal sealed class ServiceClientException(string message, Exception inner) : Exception(message, inner);
