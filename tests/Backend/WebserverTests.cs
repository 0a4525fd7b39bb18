using System.Text.Json;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Backend.Webserver;
using HostService.Tests.Support;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Backend;

public sealed class WebserverTests : IDisposable
{
    private readonly ManualClock _clock = new();
    private readonly RecordingLogger<HttpWebserver> _log = new();
    private readonly CancellationTokenSource _stop = new();

    [Fact]
    public async Task It_shakes_hands_once_and_then_sends_heartbeats_with_the_fields_that_the_webserver_knows()
    {
        await using var server = await LoopbackServer.StartAsync(Accept);
        using var webserver = Webserver(server.Url);
        var run = webserver.RunAsync(_stop.Token);

        var handshake = await server.NextAsync();
        Assert.Equal(("POST", "/host_service/auth", """{"InstanceID":"i-0123"}"""), (handshake.Method, handshake.Path, handshake.Body));
        Assert.StartsWith("application/json", handshake.Headers["Content-Type"], StringComparison.Ordinal);
        Assert.Equal("23", handshake.Headers["Content-Length"]);
        var first = await server.NextAsync();
        Assert.Equal(("POST", "/host_service/heartbeat"), (first.Method, first.Path));
        Assert.Equal(
            """{"AuthToken":"t1","Timestamp":"2026-01-01T00:00:00Z","HeartbeatNumber":0,"InstanceID":"i-0123","InstanceType":"g4dn.xlarge","TotalRAMinKB":"16000","FreeRAMinKB":"8000","AvailRAMinKB":"0","IsDyingHeartbeat":false}""",
            first.Body);

        await _clock.TimerSetAsync(IsPause);
        _clock.Advance(TimeSpan.FromSeconds(54.999));
        Assert.Equal(0, server.Waiting);
        _clock.Advance(TimeSpan.FromSeconds(10.001));
        var second = await server.NextAsync();
        Assert.Equal("/host_service/heartbeat", second.Path);
        Assert.Equal((1, false), NumberAndDying(second));

        await _stop.CancelAsync();
        await run;
        await webserver.SendDyingHeartbeatAsync(default);
        Assert.Equal((2, true), NumberAndDying(await server.NextAsync()));
        Assert.Empty(_log.Lines);
    }

    [Fact]
    public async Task The_age_is_that_of_the_last_heartbeat_that_the_webserver_accepted()
    {
        await using var server = await LoopbackServer.StartAsync(Accept);
        using var webserver = Webserver(server.Url);
        Assert.Null(webserver.SinceAccepted);
        var run = webserver.RunAsync(_stop.Token);
        await _clock.TimerSetAsync(IsPause);
        await server.DisposeAsync();

        _clock.Advance(TimeSpan.FromSeconds(65));
        await _clock.TimerSetAsync(IsPause);
        Assert.Equal(TimeSpan.FromSeconds(65), webserver.SinceAccepted);

        await _stop.CancelAsync();
        await run;
        Assert.Null(webserver.SinceAccepted);
    }

    [Fact]
    public async Task The_dying_heartbeat_is_sent_once_and_none_follows_it()
    {
        await using var server = await LoopbackServer.StartAsync(Accept);
        using var webserver = Webserver(server.Url);

        await webserver.SendDyingHeartbeatAsync(default);
        await webserver.SendDyingHeartbeatAsync(default);
        var run = webserver.RunAsync(_stop.Token);
        await _clock.TimerSetAsync(IsPause);
        await _stop.CancelAsync();
        await run;

        Assert.Equal("/host_service/auth", (await server.NextAsync()).Path);
        Assert.Equal((0, true), NumberAndDying(await server.NextAsync()));
        Assert.Equal(0, server.Waiting);
    }

    [Fact]
    public async Task A_host_whose_handshake_never_worked_tries_once_more_when_it_dies()
    {
        var isUp = false;
        await using var server = await LoopbackServer.StartAsync(r => isUp ? Accept(r) : (503, ""));
        using var webserver = Webserver(server.Url);
        var run = webserver.RunAsync(_stop.Token);
        Assert.Contains("503", await _log.LineAsync("The heartbeat to the webserver failed"), StringComparison.Ordinal);
        await _stop.CancelAsync();
        await run;
        await server.NextAsync();

        isUp = true;
        await webserver.SendDyingHeartbeatAsync(default);

        Assert.Equal("/host_service/auth", (await server.NextAsync()).Path);
        Assert.Equal((0, true), NumberAndDying(await server.NextAsync()));
    }

    [Fact]
    public async Task A_webserver_that_is_away_is_reported_and_tried_again()
    {
        var isUp = false;
        await using var server = await LoopbackServer.StartAsync(r => isUp ? Accept(r) : (500, ""));
        using var webserver = Webserver(server.Url);
        var run = webserver.RunAsync(_stop.Token);
        await _log.LineAsync("The heartbeat to the webserver failed");
        await server.NextAsync();
        await _clock.TimerSetAsync(IsPause);

        isUp = true;
        _clock.Advance(TimeSpan.FromSeconds(65));

        Assert.Equal("/host_service/auth", (await server.NextAsync()).Path);
        Assert.Equal((0, false), NumberAndDying(await server.NextAsync()));
        await _stop.CancelAsync();
        await run;
    }

    [Fact]
    public async Task A_token_that_is_no_longer_accepted_is_renewed_and_the_same_heartbeat_sent_again()
    {
        var handshakes = 0;
        var valid = "t1";
        await using var server = await LoopbackServer.StartAsync(r => r.Path.EndsWith("/auth", StringComparison.Ordinal)
            ? (200, $$"""{"AuthToken":"t{{++handshakes}}"}""")
            : (r.Body.Contains($"\"{valid}\"", StringComparison.Ordinal) ? 200 : 401, ""));
        using var webserver = Webserver(server.Url);
        var run = webserver.RunAsync(_stop.Token);
        await server.NextAsync();
        await server.NextAsync();
        await _clock.TimerSetAsync(IsPause);

        valid = "t2";
        await _stop.CancelAsync();
        await run;
        await webserver.SendDyingHeartbeatAsync(default);

        var refused = await server.NextAsync();
        Assert.Contains("\"t1\"", refused.Body, StringComparison.Ordinal);
        Assert.Equal("/host_service/auth", (await server.NextAsync()).Path);
        var accepted = await server.NextAsync();
        Assert.Contains("\"t2\"", accepted.Body, StringComparison.Ordinal);
        Assert.Equal((1, true), NumberAndDying(refused));
        Assert.Equal((1, true), NumberAndDying(accepted));
    }

    [Theory]
    [InlineData(200, "{}", "the answer holds no AuthToken")]
    [InlineData(200, "hunter2", "the answer is not the JSON that was expected")]
    [InlineData(302, "http://127.0.0.1:1/", "302")]
    public async Task A_handshake_that_fails_is_explained_without_its_answer(int status, string body, string expected)
    {
        await using var server = await LoopbackServer.StartAsync(_ => (status, body));
        using var webserver = Webserver(server.Url);

        await webserver.SendDyingHeartbeatAsync(default);

        var line = Assert.Single(_log.Lines);
        Assert.Contains($"POST {server.Url}/host_service/auth", line, StringComparison.Ordinal);
        Assert.Contains(expected, line, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_webserver_that_refuses_the_token_it_gave_is_not_asked_for_ever()
    {
        await using var server = await LoopbackServer.StartAsync(
            r => r.Path.EndsWith("/auth", StringComparison.Ordinal) ? Accept(r) : (401, ""));
        using var calls = new RecordedMeasurements("host_service.backend.call.duration");
        using var webserver = Webserver(server.Url);

        await webserver.SendDyingHeartbeatAsync(default);

        Assert.Equal(2, server.Waiting);
        Assert.Contains("that it has only just given", Assert.Single(_log.Lines), StringComparison.Ordinal);
        Assert.Equal(["service=webserver result=ok", "service=webserver result=failed"], calls.Labels);
    }

    [Fact]
    public async Task A_webserver_that_takes_longer_than_the_timeout_is_given_up()
    {
        using var silent = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        silent.Start();
        using var calls = new RecordedMeasurements("host_service.backend.call.duration");
        using var webserver = Webserver($"http://{silent.LocalEndpoint}/", new WebserverOptions().Timeout);

        var dying = webserver.SendDyingHeartbeatAsync(default);
        using var connection = await silent.AcceptTcpClientAsync();
        _clock.Advance(TimeSpan.FromSeconds(9.9));
        Assert.False(dying.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(0.1));
        await dying;

        Assert.Contains("no answer within 10 s", Assert.Single(_log.Lines), StringComparison.Ordinal);
        Assert.Equal(["service=webserver result=timeout"], calls.Labels);
    }

    public void Dispose() => _stop.Dispose();

    private static (int Status, string Body) Accept(Received request) =>
        (200, request.Path == "/host_service/auth" ? """{"AuthToken":"t1"}""" : "{}");

    private static bool IsPause(TimeSpan due) => due >= TimeSpan.FromSeconds(55) && due <= TimeSpan.FromSeconds(65);

    private static (int Number, bool IsDying) NumberAndDying(Received heartbeat)
    {
        using var json = JsonDocument.Parse(heartbeat.Body);
        return (json.RootElement.GetProperty("HeartbeatNumber").GetInt32(), json.RootElement.GetProperty("IsDyingHeartbeat").GetBoolean());
    }

    /// <summary>
    /// The clock leaps over a minute while requests run in real time, so their deadline lies beyond unless a test is about it.
    /// </summary>
    private HttpWebserver Webserver(string url, TimeSpan? timeout = null)
    {
        var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        var client = new WebserverClient(
            http, Options.Create(new WebserverOptions { Url = url, Timeout = timeout ?? TimeSpan.FromHours(1) }), _clock);
        var facts = new WebserverFacts(
            new HostIdentity("name", "i-0123", "g4dn.xlarge", "ami-1", "us-east-1", "203.0.113.7"),
            new MachineFigures { At = _clock.GetUtcNow(), TotalMemoryKb = 16000, FreeMemoryKb = 8000 });
        return new HttpWebserver(client, () => facts, _clock, _log);
    }
}
