using System.Net.Http.Headers;

namespace HostService.Silo.Reporting;

/// <summary>Asks the collector whether it takes what the service sends. The exporters silently drop what they cannot send.</summary>
public sealed class TelemetryCollector(IHttpClientFactory clients, IOptions<TelemetryOptions> options)
{
    /// <summary>Null where nothing is sent.</summary>
    public string? Endpoint => options.Value.OtlpEndpoint is { Length: > 0 } endpoint ? endpoint.TrimEnd('/') : null;

    /// <summary>Sends a request without a span.</summary>
    /// <exception cref="HttpRequestException">The collector does not answer, or with an error.</exception>
    public async Task TestAsync(CancellationToken cancellationToken)
    {
        using var client = clients.CreateClient(nameof(TelemetryCollector));
        using var nothing = new ByteArrayContent([]) { Headers = { ContentType = new MediaTypeHeaderValue("application/x-protobuf") } };
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"{Endpoint}/v1/traces")) { Content = nothing };

        // The body is not read: nobody needs it, and what is no collector may send one without an end.
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        response.EnsureSuccessStatusCode();
    }
}
