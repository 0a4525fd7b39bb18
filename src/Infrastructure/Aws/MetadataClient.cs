using System.Globalization;
using System.Net;
using System.Text;

namespace HostService.Infrastructure.Aws;

/// <summary>
/// EC2's instance metadata protocol: version 2 (a token, obtained by PUT and sent with every read), or version 1 where the service gives no
/// token. AWSSDK.Core's own client is static (one endpoint, one cache, its own time limits) and has no version 1, so it can neither keep
/// B34's limits nor be pointed at a test's listener.
/// </summary>
internal sealed partial class MetadataClient(HttpMessageInvoker http, Ec2Options options, TimeProvider timeProvider, ILogger logger)
{
    private const string TokenHeader = "X-aws-ec2-metadata-token";
    private const string TokenLifetimeHeader = "X-aws-ec2-metadata-token-ttl-seconds";
    private const int LongestAnswer = 64 * 1024;

    private readonly string _root = options.MetadataEndpoint.TrimEnd('/') + "/latest/";
    private string? _token;

    /// <summary>Why the service gave no token; null before it was asked, and once it gave one.</summary>
    private string? _noToken;

    /// <summary>The text at <c>/latest/meta-data/{path}</c>; null when the service answers 404.</summary>
    /// <exception cref="InstanceMetadataException">All tries failed; the message describes the last one.</exception>
    public async Task<string?> GetAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            return await Attempts.Retry(options, timeProvider).ExecuteAsync(async token => await TryAsync(path, token), cancellationToken);
        }
        catch (AttemptFailedException e)
        {
            var noToken = _noToken is null ? "" : $"; no token: {_noToken}";
            throw new InstanceMetadataException(
                $"instance metadata {path} could not be read from {options.MetadataEndpoint}: {e.Message} ({options.Tries} tries){noToken}",
                e);
        }
    }

    private async Task<string?> TryAsync(string path, CancellationToken cancellationToken)
    {
        var token = await TokenAsync(cancellationToken);
        using var request = new HttpRequestMessage(HttpMethod.Get, _root + "meta-data/" + path);
        if (token is not null)
        {
            request.Headers.Add(TokenHeader, token);
        }

        var (status, text) = await SendAsync(request, cancellationToken);
        return status switch
        {
            HttpStatusCode.OK => text,
            HttpStatusCode.NotFound => null,
            HttpStatusCode.Unauthorized => throw Unauthorized(
                token is null ? $"it requires a token and gave none: {_noToken}" : "it refuses its own token"),
            _ => throw new AttemptFailedException($"HTTP {(int)status}"),
        };
    }

    /// <summary>The token has expired, or the service requires one after all: the next try asks for a new one.</summary>
    private AttemptFailedException Unauthorized(string reason)
    {
        _token = _noToken = null;
        return new AttemptFailedException($"HTTP 401, because {reason}");
    }

    /// <summary>
    /// Null, for version 1, where the service refuses to give a token, does not answer (the request may cross too many hops), or fails
    /// every time because it does not know the request.
    /// </summary>
    private async Task<string?> TokenAsync(CancellationToken cancellationToken)
    {
        if (_token is not null || _noToken is not null)
        {
            return _token;
        }

        try
        {
            _noToken = await Attempts.Retry(options, timeProvider, retryTimeouts: false)
                .ExecuteAsync(async token => await RequestTokenAsync(token), cancellationToken);
        }
        catch (AttemptTimedOutException e)
        {
            _noToken = e.Message;
        }
        catch (AttemptFailedException e)
        {
            _noToken = $"{e.Message} ({options.Tries} tries)";
        }

        if (_noToken is not null)
        {
            LogVersionOne(_noToken);
        }

        return _token;
    }

    /// <summary>Null when there is a token now, else the status with which the service refused it.</summary>
    private async Task<string?> RequestTokenAsync(CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, _root + "api/token");
        request.Headers.Add(TokenLifetimeHeader, ((int)options.TokenLifetime.TotalSeconds).ToString(CultureInfo.InvariantCulture));
        var (status, text) = await SendAsync(request, cancellationToken);
        var token = text.Trim();
        if (status == HttpStatusCode.OK && token.Length > 0 && !token.Any(char.IsWhiteSpace))
        {
            _token = token;
            return null;
        }

        return status is HttpStatusCode.Forbidden or HttpStatusCode.NotFound
            or HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented
            ? $"HTTP {(int)status}"
            : throw new AttemptFailedException($"HTTP {(int)status}");
    }

    private Task<(HttpStatusCode Status, string Text)> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        Attempts.WithinAsync(
            options.Timeout,
            timeProvider,
            async token =>
            {
                using var response = await http.SendAsync(request, token);
                await response.Content.LoadIntoBufferAsync(LongestAnswer, token);
                // Whatever the header names, which may be an encoding that does not exist.
                return (response.StatusCode, Encoding.UTF8.GetString(await response.Content.ReadAsByteArrayAsync(token)));
            },
            cancellationToken);

    [LoggerMessage(LogLevel.Warning, "The instance metadata service gave no token ({Reason}): reading without one")]
    private partial void LogVersionOne(string reason);
}
