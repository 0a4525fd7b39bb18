using System.Net;
using HostService.GrainInterfaces;
using HostService.Tests.Gateway.Fakes;

namespace HostService.Tests.Gateway.Operator;

/// <summary>HEAD is answered as GET, without the body, on the real server.</summary>
public sealed class HeadTests
{
    [Theory]
    [InlineData("/healthz", HttpStatusCode.OK)]
    [InlineData("/readyz", HttpStatusCode.OK)]
    [InlineData("/metrics", HttpStatusCode.OK)]
    [InlineData("/v1/host", HttpStatusCode.OK)]
    [InlineData("/v1/mandelboxes", HttpStatusCode.OK)]
    [InlineData("/v1/mandelboxes/box-1", HttpStatusCode.NotFound)]
    [InlineData("/v1/mandelboxes/-", HttpStatusCode.BadRequest)]
    [InlineData("/v1/nothing", HttpStatusCode.NotFound)]
    [InlineData("/openapi/v1.json", HttpStatusCode.OK)]
    [InlineData("/ops", HttpStatusCode.OK)]
    [InlineData("/ops/ops.js", HttpStatusCode.OK)]
    [InlineData("/ops/mandelboxes/-", HttpStatusCode.NotFound)]
    [InlineData("/spin_up_mandelbox", HttpStatusCode.BadRequest)]
    public async Task A_head_has_the_status_and_the_headers_of_the_get(string path, HttpStatusCode status)
    {
        var grains = new FakeGrains()
            .Host(nameof(IHostGrain.Describe), Samples.Host())
            .Host(nameof(IHostGrain.ListMandelboxes), (IReadOnlyList<MandelboxDescription>)[Samples.Mandelbox()])
            .Mandelbox(nameof(IMandelboxGrain.Describe), (MandelboxDescription?)null);
        await using var server = await GatewayServer.StartAsync(grains);
        using var client = server.Client(GatewayServer.Operator);
        foreach (var version in new[] { HttpVersion.Version11, HttpVersion.Version20 })
        {
            using var head = await SendAsync(client, HttpMethod.Head, path, version);
            // The connection still serves the next request.
            using var get = await SendAsync(client, HttpMethod.Get, path, version);

            Assert.Equal((status, status), (head.StatusCode, get.StatusCode));
            Assert.Equal(get.Content.Headers.ContentType, head.Content.Headers.ContentType);
            Assert.Empty(await head.Content.ReadAsByteArrayAsync());
            Assert.NotEmpty(await get.Content.ReadAsByteArrayAsync());
        }
    }

    [Fact]
    public async Task A_stranger_is_refused_by_head_too()
    {
        await using var server = await GatewayServer.StartAsync();
        using var client = server.Client(GatewayServer.Stranger(1));

        using var head = await SendAsync(client, HttpMethod.Head, "/v1/host", HttpVersion.Version20);

        Assert.Equal(HttpStatusCode.Unauthorized, head.StatusCode);
    }

    [Theory]
    [InlineData("HEAD")]
    [InlineData("GET")]
    public async Task The_head_of_an_answer_without_an_end_is_there_at_once(string method)
    {
        await using var server = await GatewayServer.StartAsync();
        using var client = server.Client(GatewayServer.Operator);
        using var request = new HttpRequestMessage(new HttpMethod(method), "/v1/events");
        request.Headers.Add("Accept", "text/event-stream");

        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead).WaitAsync(TimeSpan.FromSeconds(10));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
    }

    private static Task<HttpResponseMessage> SendAsync(HttpClient client, HttpMethod method, string path, Version version) =>
        client.SendAsync(new HttpRequestMessage(method, path) { Version = version, VersionPolicy = HttpVersionPolicy.RequestVersionExact });
}
