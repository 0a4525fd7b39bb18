using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>What a running service sends to an OpenTelemetry collector, with an engine that answers at once.</summary>
public sealed class TelemetryTests
{
    private const string Token = "the-token-of-a-user";
    private const string ConfigToken = "the-key-of-a-user-s-configs";

    [Fact]
    public async Task A_collector_gets_a_spin_up_as_one_trace_with_a_span_per_step_its_log_lines_and_the_metrics_of_the_service()
    {
        await using var collector = await OtlpCollector.StartAsync();
        await using var instant = await InstantEngine.StartAsync(seed: 1);
        using var directory = new ScratchDirectory();
        await using var service = await StartAsync(instant, directory, collector.Endpoint);
        Assert.Equal(HttpStatusCode.OK, (await SpinUpAsync(service, "traced")).Status);
        var timeline = JsonNode.Parse(await service.Http.GetStringAsync("/v1/mandelboxes/traced/timeline"))!;
        var scraped = MetricsTable.Series(await service.Http.GetStringAsync("/metrics")).Select(series => series.Family).ToList();

        Assert.Equal(0, await service.EndAsync());

        Assert.Equal(["clean up", "spin up"], collector.Spans.Where(IsRoot).Select(span => span.Name).Order(StringComparer.Ordinal));
        var root = Assert.Single(collector.Spans, span => span.Name == "spin up");
        Assert.Equal("traced", root.Attributes["mandelbox.id"]);
        var steps = collector.Spans.Where(span => span.TraceId == root.TraceId && span != root).ToList();
        Assert.Equal(
            timeline["steps"]!.AsArray().Select(step => (string)step!["name"]!).Order(StringComparer.Ordinal),
            steps.Select(span => span.Name).Order(StringComparer.Ordinal));
        Assert.All(steps, span => Assert.Equal(root.Id, span.Parent));

        var line = Assert.Single(collector.Lines, line => line.Text.StartsWith("Mandelbox traced runs after ", StringComparison.Ordinal));
        Assert.Equal(("Information", "traced", root.TraceId), (line.Severity, line.Attributes["MandelboxId"], line.TraceId));

        var sent = collector.Metrics.Select(metric => metric.PrometheusName).Where(IsOurs).ToHashSet();
        Assert.Contains("host_service_spin_up_duration_seconds", sent);
        Assert.Equal(scraped.Where(IsOurs).Distinct().Order(StringComparer.Ordinal), sent.Intersect(scraped).Order(StringComparer.Ordinal));
        Assert.Equal([], sent.Except(MetricsTable.Read().Keys));
        Assert.All(collector.Resources, resource => Assert.Equal("host-service", resource["service.name"]));
    }

    [Fact]
    public async Task No_secret_of_a_call_reaches_the_collector()
    {
        await using var collector = await OtlpCollector.StartAsync();
        await using var instant = await InstantEngine.StartAsync(seed: 1);
        using var directory = new ScratchDirectory();
        await using var service = await StartAsync(instant, directory, collector.Endpoint);
        var (_, answer) = await SpinUpAsync(service, "secret");
        instant.FaultRate = 1;
        Assert.NotEqual(HttpStatusCode.OK, (await SpinUpAsync(service, "failing")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, await SetDpiAsync(service, "a wrong secret"));
        instant.FaultRate = 0;

        Assert.Equal(0, await service.EndAsync());

        Assert.Contains(collector.Spans, span => span is { Name: "spin up", Error.Length: > 0 });
        Assert.Contains(collector.Lines, line => line.Text.StartsWith("Refused a Backend credential", StringComparison.Ordinal));
        Assert.All(
            [Token, ConfigToken, ServiceProcess.Secret, "a wrong secret", (string)answer["result"]!["aes_key"]!],
            secret => Assert.DoesNotContain(secret, collector.Text, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_collector_that_cannot_be_reached_or_never_answers_does_not_hold_up_the_service(bool isThere)
    {
        // The kernel completes connections that nobody accepts.
        using var silent = new TcpListener(IPAddress.Loopback, isThere ? 0 : TestPorts.Reserve());
        if (isThere)
        {
            silent.Start();
        }

        await using var instant = await InstantEngine.StartAsync(seed: 1);
        using var directory = new ScratchDirectory();
        await using var service = await StartAsync(instant, directory, $"http://{silent.LocalEndpoint}");
        Assert.Equal(HttpStatusCode.OK, (await SpinUpAsync(service, "user")).Status);
        var began = Stopwatch.GetTimestamp();

        Assert.Equal(0, await service.EndAsync());

        // It tries to send what is queued for 5 s.
        Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(10), service.Log.Text);
    }

    private static bool IsRoot(OtlpSpan span) => span.Parent.Length == 0;

    private static bool IsOurs(string metric) => metric.StartsWith("host_service_", StringComparison.Ordinal);

    private static Task<ServiceProcess> StartAsync(InstantEngine engine, ScratchDirectory directory, string endpoint) =>
        ServiceProcess.StartAsync(ServiceSettings.Local(engine.Endpoint, directory).With(("Telemetry__OtlpEndpoint", endpoint)));

    private static async Task<(HttpStatusCode Status, JsonNode Answer)> SpinUpAsync(ServiceProcess service, string id)
    {
        var body = TestService.Body(id);
        (body["jwt_access_token"], body["config_encryption_token"]) = (Token, ConfigToken);
        using var content = new StringContent(body.ToJsonString());
        using var response = await service.Http.PutAsync("/spin_up_mandelbox", content);
        return (response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
    }

    private static async Task<HttpStatusCode> SetDpiAsync(ServiceProcess service, string secret)
    {
        var body = new JsonObject { ["auth_secret"] = secret, ["host_port"] = 1025, ["dpi"] = 96 };
        using var content = new StringContent(body.ToJsonString());
        using var response = await service.Http.PutAsync("/set_container_dpi", content);
        return response.StatusCode;
    }
}
