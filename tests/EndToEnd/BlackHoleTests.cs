using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using HostService.Tests.Backend;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Storage.UserConfigs;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd;

/// <summary>
/// Packets to database, store, issuer and webserver are dropped, also on connections that are open: nothing is refused, and nobody answers.
/// BLACK_HOLE_SECONDS chooses for how long; "make soak" takes three minutes.
/// </summary>
[Collection(BackendCollection.Name)]
public sealed class BlackHoleTests(EngineFixture engine, PostgresFixture postgres, S3Server s3) : IClassFixture<S3Server>, IAsyncLifetime
{
    private const string Token = "the user's own token";

    /// <summary>For each answer: more than the timeouts that the service is given here take together.</summary>
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(40);

    private readonly ScratchDirectory _directory = new();
    private Issuer _issuer = null!;
    private LoopbackServer _webserver = null!;
    private RowHistory _rows = null!;
    private SilentWay[] _ways = [];
    private ServiceSettings _settings = null!;

    private SilentWay ToDatabase => _ways[0];

    private SilentWay ToStore => _ways[1];

    private SilentWay ToIssuer => _ways[2];

    private SilentWay ToWebserver => _ways[3];

    public async Task InitializeAsync()
    {
        if (Backend.SkipReason(["node", Needs.S3Server]) is not null)
        {
            return;
        }

        _issuer = await Issuer.StartAsync();
        _webserver = await LoopbackServer.StartAsync(r => (200, r.Path == "/host_service/auth" ? """{"AuthToken":"token-1"}""" : "{}"));
        _rows = await RowHistory.StartAsync(postgres.Server);
        _ways = [new(new UnixDomainSocketEndPoint(postgres.Server.Socket)), WayTo(s3.Url), WayTo(_issuer.Url), WayTo(_webserver.Url)];
        _settings = ServiceSettings.Local(engine.Endpoint, _directory).With(
            ("APP_ENV", "LOCALDEVWITHDB"),
            ("Database__ConnectionString",
                $"Host=127.0.0.1;Port={ToDatabase.Port};Username=postgres;Database=postgres;SSL Mode=Disable;GSS Encryption Mode=Disable"),
            ("Database__Timeout", "00:00:01"), ("Database__RetryDelay", "00:00:00.1"), ("Database__MaxRetryDelay", "00:00:00.5"),
            ("Database__FlushTimeout", "00:00:02"),
            ("UserConfigs__ServiceUrl", $"http://127.0.0.1:{ToStore.Port}"), ("UserConfigs__AccessKey", "S3RVER"),
            ("UserConfigs__SecretKey", "S3RVER"), ("UserConfigs__FetchTimeout", "00:00:02"), ("UserConfigs__SaveTimeout", "00:00:02"),
            ("Auth__Issuer", IssuerUrl), ("Auth__KeyTimeout", "00:00:01"),
            ("Webserver__Url", $"http://127.0.0.1:{ToWebserver.Port}"), ("Webserver__Timeout", "00:00:01"));
        await (await HostRow.ForAsync(_settings)).AddAsync(postgres.Server);
    }

    public async Task DisposeAsync()
    {
        foreach (var way in _ways)
        {
            await way.DisposeAsync();
        }

        if (_rows is not null)
        {
            await _rows.DisposeAsync();
            await _webserver.DisposeAsync();
            await _issuer.DisposeAsync();
        }
    }

    private string IssuerUrl => $"http://127.0.0.1:{ToIssuer.Port}/";

    [BackendFact("node", Needs.S3Server)]
    public async Task It_costs_the_timeouts_and_no_more_and_when_it_ends_the_service_works_by_itself()
    {
        ToWebserver.FallSilent();
        await using var service = await RunningService.StartAsync(_directory, engine.Endpoint, _settings);
        await service.Process.Log.LineAsync("The heartbeat to the webserver failed").WaitAsync(AnswerTimeout);
        await AllocateAsync(service, "lives", "refused");
        await service.UpAsync(RunningService.SpinUp("lives", token: Token));
        Assert.Equal(HttpStatusCode.NotAcceptable, await AskWithTokenAsync(service));

        // On connections that are in use.
        Array.ForEach(_ways, way => way.FallSilent());
        var (began, seconds) = (Stopwatch.GetTimestamp(), EnvironmentNumber.Read("BLACK_HOLE_SECONDS") ?? 0);
        do
        {
            Assert.Contains("cannot be reached right now", await RefusalAsync(service, "refused"), StringComparison.Ordinal);
            using var alive = await service.Process.Http.GetAsync("/healthz");
            Assert.Equal(HttpStatusCode.OK, alive.StatusCode);
        }
        while (Stopwatch.GetElapsedTime(began).TotalSeconds < seconds);

        // The issuer's keys are known; one that is not takes as long as the issuer may.
        Assert.Equal(HttpStatusCode.NotAcceptable, await AskWithTokenAsync(service));
        Assert.Equal(HttpStatusCode.Unauthorized, await AskWithTokenAsync(service, "key-2"));
        await service.EndAsync("lives").WaitAsync(AnswerTimeout);
        Assert.Contains("the stored ones stay: it took longer than 2 s", service.Process.Log.Text, StringComparison.Ordinal);
        Assert.Equal(["database", "issuer", "s3"], await FailedChecksAsync(service));

        Array.ForEach(_ways, way => way.PassAgain());
        await _rows.GoneAsync("lives");
        await service.AssertNothingIsHeldAsync();
        await AllocateAsync(service, "afterwards");
        await service.UpAsync(RunningService.SpinUp("afterwards", token: Token));
        await File.WriteAllTextAsync(Path.Combine(OnHost(service, "afterwards"), "settings"), "kept");
        await service.EndAsync("afterwards").WaitAsync(AnswerTimeout);
        await AllocateAsync(service, "restored");
        await service.UpAsync(RunningService.SpinUp("restored", token: Token));
        Assert.Equal("kept", await File.ReadAllTextAsync(Path.Combine(OnHost(service, "restored"), "settings")));
        Assert.Empty(await FailedChecksAsync(service));
        Assert.Equal(0, await service.Process.EndAsync());
        Assert.True(await SaysGoodbyeAsync());
        Assert.Equal("gone", (await _rows.OfAsync(service.Instance))[^1]);
    }

    [BackendFact("node", Needs.S3Server)]
    public async Task It_does_not_keep_the_service_from_ending_and_what_could_not_be_written_is_named()
    {
        await using var service = await RunningService.StartAsync(_directory, engine.Endpoint, _settings);
        await AllocateAsync(service, "unwritten");
        await service.UpAsync(RunningService.SpinUp("unwritten", token: Token));

        Array.ForEach(_ways, way => way.FallSilent());
        Assert.Equal(0, await service.Process.EndAsync());

        Assert.Contains(
            $"removal of mandelbox unwritten, removal of instance {service.Instance}", service.Process.Log.Text, StringComparison.Ordinal);
        Assert.Contains("The dying heartbeat to the webserver failed", service.Process.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("it took longer than 15 s", service.Process.Log.Text, StringComparison.Ordinal);
        Assert.False(Directory.Exists(service.Root));
        // The tests that follow share this database.
        Array.ForEach(_ways, way => way.PassAgain());
        await postgres.Server.ExecuteAsync($"DELETE FROM hardware.instance_info WHERE instance_name = '{service.Instance}'");
    }

    private static SilentWay WayTo(string url) => new(new DnsEndPoint(new Uri(url).Host, new Uri(url).Port));

    private static string OnHost(RunningService service, string id) => Path.Combine(service.Root, id, "userConfigs", "unpacked_configs");

    private Task AllocateAsync(RunningService service, params string[] ids) => _rows.AllocateAsync(service.Instance, service.LocalUser, ids);

    private static async Task<string> RefusalAsync(RunningService service, string id)
    {
        var (status, answer) = await service.SpinUpAsync(RunningService.SpinUp(id)).WaitAsync(AnswerTimeout);
        Assert.Equal(HttpStatusCode.NotAcceptable, status);
        return (string)answer["error"]!;
    }

    /// <summary>A backend's call that nothing but its token can make fail with a 401.</summary>
    private async Task<HttpStatusCode> AskWithTokenAsync(RunningService service, string? keyId = null)
    {
        var claims = _issuer.Claims(DateTimeOffset.UtcNow, "backend");
        claims["iss"] = IssuerUrl;
        var header = keyId is null ? null : new Dictionary<string, object?> { ["alg"] = "RS256", ["typ"] = "JWT", ["kid"] = keyId };
        var (status, _) = await service.CallAsync(
            HttpMethod.Put,
            "/set_container_dpi",
            new JsonObject { ["auth_secret"] = _issuer.Sign(claims, header: header), ["host_port"] = 1, ["dpi"] = 96 }).WaitAsync(AnswerTimeout);
        return status;
    }

    private static async Task<IEnumerable<string>> FailedChecksAsync(RunningService service)
    {
        var report = JsonNode.Parse(await service.Process.Http.GetStringAsync("/v1/doctor").WaitAsync(AnswerTimeout))!;
        string[] remote = ["database", "issuer", "s3"];
        return report["checks"]!.AsArray()
            .Where(check => remote.Contains((string)check!["name"]!) && (string?)check["outcome"] == "Failed")
            .Select(check => (string)check!["name"]!);
    }

    private async Task<bool> SaysGoodbyeAsync()
    {
        while (true)
        {
            var request = await _webserver.NextAsync().WaitAsync(AnswerTimeout);
            if (request.Path == "/host_service/heartbeat" && (bool)JsonNode.Parse(request.Body)!["IsDyingHeartbeat"]!)
            {
                return true;
            }
        }
    }
}
