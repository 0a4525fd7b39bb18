using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using HostService.Silo.Hosting;
using HostService.Tests.Backend;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd;

/// <summary>B30: whatever ends the service, Sentry, the webserver and the database learn of it, from the service or from the next process.</summary>
[Collection(BackendCollection.Name)]
public sealed class LastWordsTests(EngineFixture engine, PostgresFixture database) : IAsyncLifetime
{
    private const string LastWords = "last-words";
    private static readonly TimeSpan WaitTimeout = TimeSpan.FromSeconds(60);
    private static readonly (string Key, string Value)[] Killed = SystemdSays("signal", "killed", "KILL");

    private readonly string _secret = Guid.NewGuid().ToString("N");
    private readonly ScratchDirectory _directory = new();
    private ReportServers _reports = null!;
    private LoopbackServer _webserver = null!;
    private ServiceSettings _settings = null!;

    public async Task InitializeAsync()
    {
        _reports = await ReportServers.StartAsync();
        _webserver = await LoopbackServer.StartAsync(
            r => (200, r.Path == "/host_service/auth" ? $$"""{"AuthToken":"webserver-{{_secret}}"}""" : "{}"));
        _settings = ServiceSettings.Local(engine.Endpoint, _directory).With([.. _reports.Settings, ("Webserver__Url", _webserver.Url)]);
        _reports.Metadata.Values["tags/instance/Name"] = _settings.InstanceName;
    }

    public async Task DisposeAsync()
    {
        await _webserver.DisposeAsync();
        await _reports.DisposeAsync();
    }

    [BackendTheory]
    [InlineData("refuse", "DRAINING", "signal", "killed", "KILL", "killed by SIGKILL")]
    [InlineData("reattach", "ACTIVE", "watchdog", "dumped", "ABRT", "killed by SIGABRT (watchdog)")]
    public async Task After_SIGKILL_the_command_says_what_the_service_could_not(
        string onLeftovers, string row, string result, string code, string signal, string told)
    {
        await using var rows = await RegisteredAsync();
        var settings = _settings.With(("Host__OnLeftovers", onLeftovers));
        await using var killed = await RunningService.StartAsync(_directory, engine.Endpoint, settings);
        var aesKey = await SpinUpAsync(rows, killed);
        var container = await killed.ContainerAsync("user");
        Assert.False(await HeartbeatAsync());
        await killed.Process.KillAsync();
        Assert.Empty(_reports.Sentry.TakeUnread());

        var (exitCode, output, errors) = await ServiceProcess.CommandAsync(
            settings.With(SystemdSays(result, code, signal)).Environment, LastWords);

        Assert.True(exitCode == 0, errors);
        AssertLast(await _reports.Sentry.NextEventAsync(), "Killed", told, "fatal");
        Assert.Empty(_reports.Sentry.TakeUnread());
        Assert.True(await HeartbeatAsync());
        Assert.Equal(0, _webserver.Waiting);
        Assert.Equal(row, (await rows.OfAsync(settings.InstanceName))[^1]);
        Assert.Equal("RUNNING", (await rows.OfAsync("user"))[^1]);
        Assert.Equal(container.Pid, (await killed.ContainerAsync("user")).Pid);
        Assert.All(
            new[] { _secret, ServiceProcess.Secret, killed.LocalUser, aesKey, database.Server.ConnectionString },
            secret => Assert.DoesNotContain(secret, _reports.Sentry.Text + output + errors, StringComparison.Ordinal));

        await (onLeftovers == "reattach" ? AssertTakenOverAsync(killed, container.Pid) : AssertReclaimedAsync(killed, rows));
    }

    [BackendTheory]
    [InlineData("TERM", 0, "Signal", "info")]
    [InlineData("INT", 0, "Signal", "info")]
    [InlineData("HUP", 0, "Signal", "info")]
    [InlineData("QUIT", 0, "Signal", "info")]
    [InlineData("drain", 0, "Request", "info")]
    [InlineData("stop", 0, "Request", "info")]
    [InlineData("row", 0, "NotWanted", "info")]
    [InlineData("notice", 0, "Notice", "info")]
    [InlineData("crash", 1, "Crash", "fatal")]
    [InlineData("engine", 4, "EngineLost", "fatal")]
    [InlineData("restart", 5, "Restart", "info")]
    public async Task A_service_that_ends_by_itself_says_why_and_leaves_nothing_for_the_command(
        string how, int exitCode, string cause, string level)
    {
        await using var rows = await RegisteredAsync();
        await using var relay = new EngineRelay(engine.Endpoint, _directory);
        _reports.Metadata.Values["instance-life-cycle"] = "spot";
        await using var service = await RunningService.StartAsync(_directory, engine.Endpoint, _settings.With(
            ("DOTNET_STARTUP_HOOKS", typeof(LastWordsTests).Assembly.Location),
            (StartupHook.Directory, _directory.Path),
            ("Docker__Endpoint", relay.Endpoint.ToString()),
            ("Docker__GiveUpAfter", "00:00:01"),
            ("Docker__ReconnectDelay", "00:00:00.1"),
            ("Shutdown__MandelboxTimeout", how == "engine" ? "00:00:05" : "00:04:30"),
            ("Ec2__NoticeInterval", "00:00:00.2"),
            ("Host__OnLeftovers", "reattach")));
        await SpinUpAsync(rows, service);
        var container = (await service.ContainerAsync("user")).Id;
        await (how is "drain" or "notice" ? service.EndAsync("user") : Task.CompletedTask);
        Assert.False(await HeartbeatAsync());

        await (how == "engine" ? relay.BreakAsync() : EndAsync(service, how));

        Assert.Equal(exitCode, await service.Process.Exited.WaitAsync(WaitTimeout));
        AssertLast(await _reports.Sentry.NextEventAsync("The service ends ("), cause, "", level);
        if (how != "restart")
        {
            Assert.True(await HeartbeatAsync());
        }

        Assert.Equal(how == "restart" ? "ACTIVE" : "gone", (await rows.OfAsync(_settings.InstanceName))[^1]);

        var exited = SystemdSays(exitCode == 0 ? "success" : "exit-code", "exited", $"{exitCode}");
        Assert.Equal((0, "", ""), await ServiceProcess.CommandAsync(_settings.With(exited).Environment, LastWords));
        Assert.Empty(_reports.Sentry.TakeUnread());
        Assert.Equal(0, _webserver.Waiting);

        if (how == "restart")
        {
            await AssertTakenOverAsync(service, (await service.ContainerAsync("user")).Pid);
        }
        else if (how == "engine")
        {
            // Its container may go on without the engine; what it uses stays.
            Assert.True(Directory.Exists(Path.Combine(service.Root, "user")), service.Process.Log.Text);
            await service.Engine.RemoveAsync(container, default);
        }
        else
        {
            Assert.Null(await service.Engine.InspectAsync(container, default));
            Assert.False(Directory.Exists(service.Root), service.Process.Log.Text);
        }
    }

    [BackendTheory]
    [InlineData("leftovers", 3)]
    [InlineData("configuration", 2)]
    public async Task A_start_that_is_refused_is_told_to_Sentry_and_touches_nothing_else(string why, int exitCode)
    {
        using var directory = _directory;
        await using var rows = await RegisteredAsync();
        if (why == "leftovers")
        {
            Directory.CreateDirectory(_settings.Root);
        }
        else
        {
            _settings = _settings.With(("Gateway__Port", "70000"));
        }

        await using var service = await ServiceProcess.LaunchAsync(_settings);

        Assert.Equal(exitCode, await service.Exited.WaitAsync(WaitTimeout));
        var last = await _reports.Sentry.NextEventAsync("The service ends (StartFailed)");
        Assert.Equal(
            ("fatal", "StartFailed"), (last.GetProperty("level").GetString(), last.GetProperty("tags").GetProperty("cause").GetString()));

        // Who this host is was not known yet.
        Assert.Empty(_reports.Sentry.TakeUnread());
        Assert.Equal(0, _webserver.Waiting);
        Assert.Equal("PRE_CONNECTION", (await rows.OfAsync(_settings.InstanceName))[^1]);
        Assert.Equal(why == "leftovers", Directory.Exists(_settings.Root));

        var exited = SystemdSays("exit-code", "exited", $"{exitCode}");
        Assert.Equal((0, "", ""), await ServiceProcess.CommandAsync(_settings.With(exited).Environment, LastWords));
    }

    [Fact]
    public async Task Each_of_its_steps_is_tried_whatever_happens_to_the_others()
    {
        using var directory = _directory;
        var nobody = $"http://127.0.0.1:{TestPorts.Reserve()}";
        var away = _settings.With(("APP_ENV", "LOCALDEVWITHDB"), ("Database__ConnectionString", $"Host={_directory.Path};Username=postgres"));

        var (code, _, errors) = await ServiceProcess.CommandAsync(away.With(Killed).Environment, LastWords);
        Assert.True(code == 0, errors);
        Assert.Contains("Shutdown failed to mark the host as draining", errors, StringComparison.Ordinal);
        Assert.True(await HeartbeatAsync());
        await _reports.Sentry.NextEventAsync("killed by SIGKILL");

        (code, _, errors) = await ServiceProcess.CommandAsync(
            away.With(Killed).With(("Ec2__MetadataEndpoint", nobody)).Environment, LastWords);
        Assert.True(code == 0, errors);
        Assert.Contains("failed to find this host's identity", errors, StringComparison.Ordinal);
        await _reports.Sentry.NextEventAsync("killed by SIGKILL");

        // Nor does a fault in settings that the command has no use for.
        (code, _, errors) = await ServiceProcess.CommandAsync(away.With(Killed).With(("Gateway__Port", "70000")).Environment, LastWords);
        Assert.True(code == 0, errors);
        Assert.True(await HeartbeatAsync());
        await _reports.Sentry.NextEventAsync("killed by SIGKILL");
    }

    [Fact]
    public async Task Without_systemd_s_variables_the_command_is_misused()
    {
        using var directory = _directory;
        var (code, _, errors) = await ServiceProcess.CommandAsync(_settings.Environment, LastWords);
        Assert.Equal(2, code);
        Assert.Contains("SERVICE_RESULT is not set", errors, StringComparison.Ordinal);
        Assert.Empty(_reports.Sentry.TakeUnread());
        Assert.Equal(0, _webserver.Waiting);
    }

    private static (string Key, string Value)[] SystemdSays(string result, string code, string status) =>
        [("SERVICE_RESULT", result), ("EXIT_CODE", code), ("EXIT_STATUS", status)];

    private async Task EndAsync(RunningService service, string how)
    {
        switch (how)
        {
            case "drain" or "stop":
                await service.BackendAsync(HttpMethod.Post, "/drain_and_shutdown", new() { ["force"] = how == "stop" });
                break;
            case "restart":
                using (await service.Process.Http.PostAsync("/v1/host/restart", content: null))
                {
                    break;
                }

            case "notice":
                var time = DateTimeOffset.UtcNow.AddMinutes(10);
                _reports.Metadata.Values["spot/instance-action"] =
                    $$"""{"action":"terminate","time":"{{time:yyyy-MM-ddTHH:mm:ss}}Z"}""";
                break;
            case "row":
                await database.Server.ExecuteAsync(
                    $"UPDATE hardware.instance_info SET status = 'DRAINING' WHERE instance_name = '{_settings.InstanceName}'");
                await service.Process.Log.LineAsync("Draining: 1 mandelbox left").WaitAsync(WaitTimeout);
                await service.EndAsync("user");
                break;
            case "crash":
                await File.WriteAllTextAsync(_directory[StartupHook.Signal], "");
                break;
            default:
                using (var kill = Process.Start("kill", [$"-{how}", $"{service.Process.Pid}"]))
                {
                    await kill.WaitForExitAsync();
                }

                break;
        }
    }

    /// <summary>The webserver's row for a host with a database.</summary>
    private async Task<RowHistory> RegisteredAsync()
    {
        _settings = _settings.With(
            ("APP_ENV", "LOCALDEVWITHDB"), ("Database__ConnectionString", database.Server.ConnectionString));
        var rows = await RowHistory.StartAsync(database.Server);
        await (await HostRow.ForAsync(_settings) with
        {
            Ami = _reports.Metadata.Values["ami-id"],
            Region = _reports.Metadata.Values["placement/region"],
            InstanceType = _reports.Metadata.Values["instance-type"],
        }).AddAsync(database.Server);
        return rows;
    }

    /// <summary>Returns the key of the user's stream.</summary>
    private async Task<string> SpinUpAsync(RowHistory rows, RunningService service)
    {
        await rows.AllocateAsync(service.Instance, service.LocalUser, ["user"]);
        return (string)(await service.UpAsync(RunningService.SpinUp("user", token: $"token-{_secret}", jwt: $"jwt-{_secret}")))["aes_key"]!;
    }

    private static void AssertLast(JsonElement report, string cause, string detail, string level)
    {
        Assert.StartsWith(
            $"The service ends ({cause}): {detail}",
            report.GetProperty("logentry").GetProperty("formatted").GetString(),
            StringComparison.Ordinal);
        Assert.Equal(
            (level, ServiceVersion.Commit, "LOCALDEVWITHDB"),
            (report.GetProperty("level").GetString(), report.GetProperty("release").GetString(), report.GetProperty("environment").GetString()));
        Assert.Equal(
            [cause, .. ReportServers.Instance],
            ReportServers.Tags.Prepend("cause").Select(tag => report.GetProperty("tags").GetProperty(tag).GetString()));
        Assert.Contains(
            report.GetProperty("breadcrumbs").EnumerateArray(),
            breadcrumb => breadcrumb.GetProperty("message").GetString()!.StartsWith($"The service ends ({cause})", StringComparison.Ordinal));
    }

    /// <summary>The next heartbeat, after the handshake where it is the process's first; whether it is the dying one.</summary>
    private async Task<bool> HeartbeatAsync()
    {
        var request = await _webserver.NextAsync().WaitAsync(WaitTimeout);
        if (request.Path == "/host_service/auth")
        {
            request = await _webserver.NextAsync().WaitAsync(WaitTimeout);
        }

        Assert.Equal("/host_service/heartbeat", request.Path);
        var body = JsonNode.Parse(request.Body)!;
        Assert.Equal("i-0123456789abcdef0", (string?)body["InstanceID"]);
        return (bool)body["IsDyingHeartbeat"]!;
    }

    private async Task AssertTakenOverAsync(RunningService killed, long pid)
    {
        await using var next = await ServiceProcess.StartAsync(killed.Process.Settings);
        Assert.Equal(pid, (await killed.ContainerAsync("user")).Pid);
        Assert.Equal(0, await next.EndAsync());
    }

    /// <summary>Refused as ever; with reclaim everything is removed, and the host ends, because its row says that it is not wanted.</summary>
    private async Task AssertReclaimedAsync(RunningService killed, RowHistory rows)
    {
        await using (var refused = await ServiceProcess.LaunchAsync(killed.Process.Settings))
        {
            Assert.Equal(3, await refused.Exited.WaitAsync(WaitTimeout));
            Assert.Contains("host-service reclaim", refused.Log.Text, StringComparison.Ordinal);
            Assert.True((await killed.ContainerAsync("user")).Running);
        }

        await using var reclaiming = await ServiceProcess.LaunchAsync(killed.Process.Settings.With(("Host__OnLeftovers", "reclaim")));
        Assert.Equal(0, await reclaiming.Exited.WaitAsync(WaitTimeout));
        Assert.Null(await killed.Engine.InspectAsync("mandelboxes-demo-user", default));
        Assert.False(Directory.Exists(killed.Root));
        Assert.Equal(("gone", "gone"), ((await rows.OfAsync("user"))[^1], (await rows.OfAsync(killed.Instance))[^1]));
    }
}
