using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging;

namespace HostService.Infrastructure.Aws;

/// <summary>
/// EC2's instance metadata protocol: version 2 (a token, got by PUT and sent with every read), version 1 (no token) where none is to be had. One request is
/// one try.
/// AWSSDK.Core's own client is static: one endpoint from the process's environment, one cache, its own time-outs and no version 1;
/// so it can be given neither B34's limits nor a test's listener.
/// </summary>
internal sealed partial class MetadataClient(HttpMessageInvoker http, Ec2Options options, TimeProvider timeProvider, ILogger log)
{
    private const string TokenHeader = "X-aws-ec2-metadata-token";
    private const string TokenLifetimeHeader = "X-aws-ec2-metadata-token-ttl-seconds";

    private readonly string _root = options.MetadataEndpoint.TrimEnd('/') + "/latest/";
    private string? _token;

    /// <summary>Why there is no token, once the service did not offer one; forgotten with the client.</summary>
    private string? _noToken;

    /// <summary>The text at <c>/latest/meta-data/{path}</c>; null when the service says that there is none (404).</summary>
    /// <exception cref="InstanceMetadataException">All tries failed; it says how the last one did.</exception>
    public async Task<string?> GetAsync(string path, CancellationToken cancellationToken)
    {
        var tries = new Tries(options.Tries, options.Pause, timeProvider);
        while (true)
        {
            var token = await TokenAsync(cancellationToken);
            try
            {
                return await TryAsync(path, token, cancellationToken);
            }
            catch (AttemptFailedException e)
            {
                if (!await tries.AgainAsync(cancellationToken))
                {
                    var noToken = _noToken is null ? "" : $"; no token: {_noToken}";
                    throw new InstanceMetadataException($"instance metadata {path} could not be read from {options.MetadataEndpoint}: {e.Message} ({tries.Made} tries){noToken}", e);
                }
            }
        }
    }

    private async Task<string?> TryAsync(string path, string? token, CancellationToken cancellationToken)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, _root + "meta-data/" + path);
        if (token is not null)
            request.Headers.Add(TokenHeader, token);
        var (status, text) = await http.AskAsync(request, options.Timeout, timeProvider, cancellationToken);
        return status switch
        {
            HttpStatusCode.OK => text,
            HttpStatusCode.NotFound => null,
            HttpStatusCode.Unauthorized => throw (token is null ? TokenWanted() : TokenSpent()),
            _ => throw new AttemptFailedException($"HTTP {(int)status}"),
        };
    }

    private AttemptFailedException TokenSpent()
    {
        _token = null; // It ran out, or the service forgot it: the next try asks for a new one.
        return new AttemptFailedException("HTTP 401, because it does not take its own token");
    }

    private AttemptFailedException TokenWanted()
    {
        var reason = _noToken;
        _noToken = null; // The next try asks for one again.
        return new AttemptFailedException($"HTTP 401, because it wants a token and gave none: {reason}");
    }

    /// <summary>
    /// Null where none is to be had, and version 1 may do: the service refuses the request, never answers it (as behind a router hop too many), or, having no notion of
    /// it, answers all tries with an error or a closed connection.
    /// </summary>
    private async Task<string?> TokenAsync(CancellationToken cancellationToken)
    {
        if (_token is not null || _noToken is not null)
            return _token;

        var tries = new Tries(options.Tries, options.Pause, timeProvider);
        while (true)
        {
            try
            {
                _noToken = await TryForTokenAsync(cancellationToken);
                break;
            }
            catch (AttemptTimedOutException e)
            {
                _noToken = e.Message;
                break;
            }
            catch (AttemptFailedException e)
            {
                if (!await tries.AgainAsync(cancellationToken))
                {
                    _noToken = $"{e.Message} ({tries.Made} tries)";
                    break;
                }
            }
        }

        if (_noToken is not null)
            LogVersionOne(_noToken);
        return _token;
    }

    /// <summary>Null when there is one now, else why the service gives none, whoever asks.</summary>
    private async Task<string?> TryForTokenAsync(CancellationToken cancellationToken)
    {
        var request = new HttpRequestMessage(HttpMethod.Put, _root + "api/token");
        request.Headers.Add(TokenLifetimeHeader, ((int)options.TokenLifetime.TotalSeconds).ToString(CultureInfo.InvariantCulture));
        var (status, text) = await http.AskAsync(request, options.Timeout, timeProvider, cancellationToken);
        var token = text.Trim();
        if (status == HttpStatusCode.OK && token.Length > 0 && !token.Any(char.IsWhiteSpace))
        {
            _token = token;
            return null;
        }

        return status is HttpStatusCode.Forbidden or HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented
            ? $"HTTP {(int)status}"
            : throw new AttemptFailedException($"HTTP {(int)status}");
    }

    [LoggerMessage(LogLevel.Warning, "The instance metadata service gave no token ({Reason}): reading without one")]
    private partial void LogVersionOne(string reason);
}
