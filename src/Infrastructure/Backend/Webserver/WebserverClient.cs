using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace HostService.Infrastructure.Backend.Webserver;

/// <summary>The two requests of B28, each with a timeout. No message contains the token or a body.</summary>
internal sealed class WebserverClient(HttpClient http, IOptions<WebserverOptions> options, TimeProvider timeProvider)
{
    /// <summary>Returns the token that heartbeats carry.</summary>
    public async Task<string> AuthenticateAsync(string instanceId, CancellationToken cancellationToken)
    {
        return await PostAsync("auth", new AuthRequest(instanceId), ReadTokenAsync, cancellationToken);

        static async Task<string> ReadTokenAsync(HttpResponseMessage response, CancellationToken cancellationToken)
        {
            response.EnsureSuccessStatusCode();
            var answer = await response.Content.ReadFromJsonAsync<AuthAnswer>(cancellationToken);
            return answer?.AuthToken is { Length: > 0 } token ? token : throw new WebserverException("the answer holds no AuthToken");
        }
    }

    /// <summary>False when the webserver does not accept the token (any more).</summary>
    public Task<bool> SendHeartbeatAsync(HeartbeatRequest heartbeat, CancellationToken cancellationToken) => PostAsync(
        "heartbeat",
        heartbeat,
        static (response, _) =>
        {
            if (response.StatusCode == HttpStatusCode.Unauthorized)
            {
                return Task.FromResult(false);
            }

            response.EnsureSuccessStatusCode();
            return Task.FromResult(true);
        },
        cancellationToken);

    private async Task<TAnswer> PostAsync<TBody, TAnswer>(
        string path, TBody body, Func<HttpResponseMessage, CancellationToken, Task<TAnswer>> read, CancellationToken cancellationToken)
    {
        var address = $"{options.Value.Url.TrimEnd('/')}/host_service/{path}";
        using var timeout = new CancellationTokenSource(options.Value.Timeout, timeProvider);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        var began = timeProvider.GetTimestamp();
        var result = BackendResult.Failed;
        try
        {
            using var content = JsonContent.Create(body, options: JsonSerializerOptions.Default);
            // With a Content-Length instead of in chunks: the webserver is not known to accept chunked bodies.
            await content.LoadIntoBufferAsync(both.Token);
            using var response = await http.PostAsync(address, content, both.Token);
            var answer = await read(response, both.Token);
            result = response.IsSuccessStatusCode ? BackendResult.Ok : BackendResult.Failed;
            return answer;
        }
        catch (Exception exception) when (exception is HttpRequestException or WebserverException)
        {
            throw new WebserverException($"POST {address}: {exception.Message}", exception);
        }
        catch (JsonException)
        {
            // Its message can quote the body.
            throw new WebserverException($"POST {address}: the answer is not the JSON that was expected");
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            result = BackendResult.Cancelled;
            throw;
        }
        catch (OperationCanceledException exception) when (timeout.IsCancellationRequested)
        {
            result = BackendResult.Timeout;
            throw new WebserverException($"POST {address}: no answer within {options.Value.Timeout.TotalSeconds:0.###} s", exception);
        }
        finally
        {
            BackendMeter.Called(BackendService.Webserver, result, timeProvider.GetElapsedTime(began));
        }
    }
}

/// <summary>The webserver could not be reached, or refused. Holds no secret.</summary>
internal sealed class WebserverException(string message, Exception? inner = null) : Exception(message, inner);
