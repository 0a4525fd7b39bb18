using System.Text.Json.Nodes;
using HostService.Tests.Backend;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd;

/// <summary>B28 from the real process: handshake, heartbeats, and the dying one. Other causes of it: <see cref="LastWordsTests"/>.</summary>
[Collection(BackendCollection.Name)]
public sealed class WebserverTests(EngineFixture engine) : IAsyncLifetime
{
    private static readonly TimeSpan WaitTimeout = TimeSpan.FromSeconds(60);
    private LoopbackServer _webserver = null!;

    public async Task InitializeAsync() =>
        _webserver = await LoopbackServer.StartAsync(r => (200, r.Path == "/host_service/auth" ? """{"AuthToken":"token-1"}""" : "{}"));

    public async Task DisposeAsync() => await _webserver.DisposeAsync();

    [EngineFact]
    public async Task It_shakes_hands_beats_at_once_and_says_goodbye_when_told_to_end()
    {
        await using var service = await RunningService.StartLocalAsync(new ScratchDirectory(), engine, ("Webserver__Url", _webserver.Url));
        await GreetedAsync(service);
        Assert.Equal(0, await service.Process.EndAsync());
        await GoodbyeAsync(service);
    }

    [Fact]
    public async Task A_start_that_is_refused_before_its_identity_is_known_says_no_goodbye_and_fails_at_none()
    {
        using var directory = new ScratchDirectory();
        var settings = ServiceSettings.Local(new Uri("unix:///nowhere"), directory).With(("Webserver__Url", _webserver.Url));
        Directory.CreateDirectory(settings.Root);
        await using var service = await ServiceProcess.LaunchAsync(settings);

        Assert.Equal(3, await service.Exited.WaitAsync(WaitTimeout));
        Assert.DoesNotContain("heartbeat", service.Log.Text, StringComparison.Ordinal);
        Assert.Equal(0, _webserver.Waiting);
    }

    private async Task GreetedAsync(RunningService service)
    {
        var handshake = await _webserver.NextAsync().WaitAsync(WaitTimeout);
        Assert.Equal(("POST", "/host_service/auth", service.Instance), (
            handshake.Method, handshake.Path, (string?)JsonNode.Parse(handshake.Body)!["InstanceID"]));
        var first = await HeartbeatAsync();
        Assert.Equal(
            ("token-1", 0, service.Instance, "local", false),
            ((string?)first["AuthToken"], (int)first["HeartbeatNumber"]!, (string?)first["InstanceID"], (string?)first["InstanceType"], (bool)first["IsDyingHeartbeat"]!));
        Assert.All(new[] { "TotalRAMinKB", "FreeRAMinKB", "AvailRAMinKB" }, field => Assert.True(long.Parse((string)first[field]!) > 0));
    }

    private async Task GoodbyeAsync(RunningService service)
    {
        var last = await HeartbeatAsync();
        Assert.Equal(("token-1", 1, service.Instance, true), (
            (string?)last["AuthToken"], (int)last["HeartbeatNumber"]!, (string?)last["InstanceID"], (bool)last["IsDyingHeartbeat"]!));
        Assert.Equal(0, _webserver.Waiting);
    }

    private async Task<JsonNode> HeartbeatAsync()
    {
        var request = await _webserver.NextAsync().WaitAsync(WaitTimeout);
        Assert.Equal(("POST", "/host_service/heartbeat"), (request.Method, request.Path));
        return JsonNode.Parse(request.Body)!;
    }
}
