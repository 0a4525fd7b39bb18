using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging;

namespace HostService.Machine.Ec2;

/// <summary>
/// EC2's instance metadata protocol: version 2 (a token, got by PUT and sent with every read), version 1 (no token) where none is offered.
/// AWSSDK.Core's own client is static: one endpoint from the process's environment, one cache, its own time-outs and no version 1;
/// so it can be given neither B34's limits nor a test's listener.
/// </summary>
internal sealed partial class MetadataClient(HttpMessageInvoker http, Ec2Options options, TimeProvider time, ILogger log)
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
        var tries = new Tries(options.Tries, options.Pause, time);
        while (true)
        {
            try
            {
                return await TryAsync(path, cancellationToken);
            }
            catch (AttemptFailedException e)
            {
                if (!await tries.AgainAsync(cancellationToken))
                    throw new InstanceMetadataException($"instance metadata {path} could not be read from {options.MetadataEndpoint}: {e.Message} ({tries.Made} tries)", e);
            }
        }
    }

    private async Task<string?> TryAsync(string path, CancellationToken cancellationToken)
    {
        var (status, text) = await ReadAsync(path, await TokenAsync(cancellationToken), cancellationToken);
        if (status == HttpStatusCode.Unauthorized && _token is not null)
        {
            // It ran out, or the service forgot it: a new one, in the same try.
            _token = null;
            (status, text) = await ReadAsync(path, await TokenAsync(cancellationToken), cancellationToken);
        }

        return status switch
        {
            HttpStatusCode.OK => text,
            HttpStatusCode.NotFound => null,
            HttpStatusCode.Unauthorized when _noToken is not null => throw TokenWanted(),
            _ => throw new AttemptFailedException($"HTTP {(int)status}"),
        };
    }

    private AttemptFailedException TokenWanted()
    {
        var reason = _noToken;
        _noToken = null; // The next try asks for one again.
        return new AttemptFailedException($"HTTP 401, because it wants a token and gave none: {reason}");
    }

    private Task<(HttpStatusCode Status, string Text)> ReadAsync(string path, string? token, CancellationToken cancellationToken)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, _root + "meta-data/" + path);
        if (token is not null)
            request.Headers.Add(TokenHeader, token);
        return http.AskAsync(request, options.Timeout, time, cancellationToken);
    }

    /// <summary>Null where the service speaks version 1 only: it refuses the request, or never answers it (as behind a router hop too many).</summary>
    private async Task<string?> TokenAsync(CancellationToken cancellationToken)
    {
        if (_token is not null || _noToken is not null)
            return _token;

        var request = new HttpRequestMessage(HttpMethod.Put, _root + "api/token");
        request.Headers.Add(TokenLifetimeHeader, ((int)options.TokenLifetime.TotalSeconds).ToString(CultureInfo.InvariantCulture));
        try
        {
            var (status, text) = await http.AskAsync(request, options.Timeout, time, cancellationToken);
            if (status == HttpStatusCode.OK && text.Length > 0 && !text.Any(char.IsWhiteSpace))
                return _token = text;
            if (status is not (HttpStatusCode.Forbidden or HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented))
                throw new AttemptFailedException($"no token: HTTP {(int)status}");
            _noToken = $"HTTP {(int)status}";
        }
        catch (AttemptTimedOutException e)
        {
            _noToken = e.Message;
        }

        LogVersionOne(_noToken);
        return null;
    }

    [LoggerMessage(LogLevel.Warning, "The instance metadata service gave no token ({Reason}): reading without one")]
    private partial void LogVersionOne(string reason);
}
