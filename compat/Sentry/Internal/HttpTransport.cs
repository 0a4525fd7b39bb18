using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;

namespace Sentry.Internal;

/// <summary>Posts envelopes, and keeps to what the server asks for.</summary>
internal sealed class HttpTransport : IDisposable
{
    private readonly SentryOptions _options;
    private readonly Dsn _dsn;
    private readonly ClientReports _reports;
    private readonly RateLimits _limits = new();
    private readonly HttpClient _client;

    public HttpTransport(SentryOptions options, Dsn dsn, ClientReports reports)
    {
        _options = options;
        _dsn = dsn;
        _reports = reports;
        _client = new HttpClient(options.CreateHttpMessageHandler?.Invoke() ?? new HttpClientHandler());
        _client.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        options.ConfigureClient?.Invoke(_client);
    }

    /// <summary>Throws what the network does; a refusal by the server is told to the diagnostic logger and counted.</summary>
    public async Task SendAsync(Envelope envelope, CancellationToken cancellationToken)
    {
        var now = DateTimeOffset.UtcNow;
        var items = new List<EnvelopeItem>();
        foreach (var item in envelope.Items)
        {
            if (_limits.Forbids(item.Category, now))
            {
                _reports.Count("ratelimit_backoff", item.Category);
                _options.Log(SentryLevel.Debug, "An item of type {0} is dropped: the server asked for a pause.", null, item.Type);
            }
            else
            {
                items.Add(item);
            }
        }

        var report = _reports.Take();
        if (report is not null)
        {
            items.Add(report.ToItem(now));
        }

        if (items.Count == 0)
        {
            return;
        }

        if (_limits.Silent(now))
        {
            // As if the server had refused it with another 429, which nobody counts: neither what it holds nor the report with it.
            _options.Log(SentryLevel.Debug, "Envelope {0} is dropped: the server asked for a pause.", null, envelope.EventId);
            return;
        }

        using var request = Request((envelope with { Items = items }).Serialize(now));
        using var response = await _client.SendAsync(request, cancellationToken).ConfigureAwait(false);
        _limits.Read(response, DateTimeOffset.UtcNow);
        if (response.StatusCode != HttpStatusCode.OK)
        {
            await RefusedAsync(response, envelope, report, cancellationToken).ConfigureAwait(false);
        }
    }

    public void Dispose() => _client.Dispose();

    private async Task RefusedAsync(HttpResponseMessage response, Envelope envelope, ClientReports.Report? report, CancellationToken cancellationToken)
    {
        var why = await response.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false);
        _options.Log(SentryLevel.Error, "Sentry refused envelope {0} with {1}: {2}", null, envelope.EventId, (int)response.StatusCode, why);

        // What a 429 refuses the server has counted itself.
        if ((int)response.StatusCode is >= 400 and not 429)
        {
            foreach (var item in envelope.Items)
            {
                _reports.Count("send_error", item.Category);
            }

            if (report is not null)
            {
                _reports.PutBack(report);
            }
        }
    }

    private HttpRequestMessage Request(byte[] body)
    {
        var secret = _dsn.SecretKey is null ? "" : $",sentry_secret={_dsn.SecretKey}";
        var request = new HttpRequestMessage(HttpMethod.Post, _dsn.EnvelopeEndpoint);
        request.Headers.Add(
            "X-Sentry-Auth",
            $"Sentry sentry_version=7,sentry_client={Settings.SdkName}/{Settings.SdkVersion},sentry_key={_dsn.PublicKey}{secret}");
        if (_options.RequestBodyCompressionLevel == CompressionLevel.NoCompression)
        {
            request.Content = new ByteArrayContent(body);
            return request;
        }

        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, _options.RequestBodyCompressionLevel))
        {
            gzip.Write(body);
        }

        request.Content = new ByteArrayContent(compressed.ToArray());
        request.Content.Headers.ContentEncoding.Add("gzip");
        return request;
    }
}
