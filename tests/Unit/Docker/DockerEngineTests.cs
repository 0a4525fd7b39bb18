using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Docker;

/// <summary>Against something that answers as an engine would; tests/Engine has the real one.</summary>
public sealed class DockerEngineTests
{
    private const string Version2010 = """{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12"}""";

    [Theory]
    [InlineData("1.41", "1.12", "", "1.41")]
    [InlineData("1.52", "1.44", "", "1.44")]
    [InlineData("1.52", "1.44", "1.50", "1.50")]
    public async Task It_speaks_the_newest_version_that_both_know(string theirs, string oldest, string configured, string spoken)
    {
        await using var loopback = await LoopbackEngine.StartAsync(Answers(
            ("/version", 200, $$"""{"Version":"1","ApiVersion":"{{theirs}}","MinAPIVersion":"{{oldest}}"}"""),
            ($"/v{spoken}/info", 200, """{"Runtimes":{"runc":{},"nvidia":{}},"DefaultRuntime":"runc","CgroupDriver":"systemd","SecurityOptions":["name=seccomp,profile=default","name=apparmor"]}""")));
        using var engine = Engine(loopback, o => o.ApiVersion = configured);

        var info = await engine.PingAsync(default);

        Assert.Equal(("1", spoken), (info.Version, info.ApiVersion));
        Assert.Equal(["nvidia", "runc"], info.Runtimes);
        Assert.Equal(["seccomp", "apparmor"], info.SecurityOptions);
        Assert.Equal(("runc", "systemd"), (info.DefaultRuntime, info.CgroupDriver));
    }

    [Fact]
    public async Task An_engine_that_speaks_only_newer_versions_is_refused_with_what_to_do()
    {
        await using var loopback = await LoopbackEngine.StartAsync(
            Answers(("/version", 200, """{"Version":"99","ApiVersion":"2.9","MinAPIVersion":"2.0"}""")));
        using var engine = Engine(loopback);

        var error = await FailsAsync(engine.PingAsync(default), EngineFailure.Refused);

        Assert.Contains("Docker:ApiVersion", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_engine_that_came_back_as_another_version_is_spoken_to_in_its_own()
    {
        var version = "1.41";
        await using var loopback = await LoopbackEngine.StartAsync(
            context => Write(context, 200, context.Request.Path.Value!.EndsWith("json", StringComparison.Ordinal)
            ? "[]"
            : $$"""{"Version":"{{version}}","ApiVersion":"{{version}}"}"""));
        using var engine = Engine(loopback);
        await engine.PingAsync(default);

        version = "1.40";
        await engine.PingAsync(default);
        await engine.ListAsync(new Dictionary<string, string>(), default);

        Assert.Equal("/v1.40/containers/json", loopback.Requests.Last().Path);
    }

    [Theory]
    [InlineData("browsers/chrome:current-build-updated-protocol|fractal/browsers/chrome:current-build", "browsers/chrome:current-build-updated-protocol")]
    [InlineData("other:1|fractal/browsers/chrome:current-build|fractal/browsers/chrome:old", "fractal/browsers/chrome:current-build")]
    [InlineData("fractal/browsers/chrome-beta:7", "fractal/browsers/chrome-beta:7")]
    [InlineData("fractal/browsersXchrome:1", null)]
    [InlineData("", null)]
    public async Task An_image_is_found_by_the_first_pattern_that_stands_anywhere_in_a_tag(string tags, string? found)
    {
        var images = string.Join(
            ',', tags.Split('|', StringSplitOptions.RemoveEmptyEntries).Select(t => $$"""{"Id":"x","RepoTags":["{{t}}"]}"""));
        await using var loopback = await LoopbackEngine.StartAsync(Answers(
            ("/version", 200, Version2010), (
                "/v1.41/images/json", 200, $$"""[{"Id":"untagged","RepoTags":null}{{(images.Length > 0 ? "," : "")}}{{images}}]""")));
        using var engine = Engine(loopback);

        Assert.Equal(found, await engine.FindImageAsync(ContainerNames.LocalImagePatterns("browsers/chrome"), default));
    }

    [Theory]
    [InlineData(404, EngineFailure.NotFound)]
    [InlineData(409, EngineFailure.NameTaken)]
    [InlineData(400, EngineFailure.Refused)]
    [InlineData(500, EngineFailure.Refused)]
    public async Task A_creation_that_fails_says_of_what_kind_in_the_engines_words(int status, EngineFailure failure)
    {
        await using var loopback = await LoopbackEngine.StartAsync(Answers(
            ("/version", 200, Version2010), ("/v1.41/containers/create", status, """{"message":"the engine's words"}""")));
        using var engine = Engine(loopback);

        var error = await FailsAsync(engine.CreateAsync(new ContainerSpec { Name = "one", Image = "demo" }, default), failure);

        Assert.Equal("Could not create the container one from demo: the engine's words", error.Message);
    }

    [Theory]
    [InlineData("driver failed programming external connectivity on endpoint one: Bind for 0.0.0.0:2001 failed: port is already allocated")]
    [InlineData("Error starting userland proxy: listen tcp4 0.0.0.0:2001: bind: address already in use")]
    public async Task A_start_that_fails_because_a_host_port_is_taken_says_so(string words)
    {
        await using var loopback = await LoopbackEngine.StartAsync(Answers(
            ("/version", 200, Version2010), ("/v1.41/containers/one/start", 500, $$"""{"message":"{{words}}"}""")));
        using var engine = Engine(loopback);

        var error = await FailsAsync(engine.StartAsync("one", default), EngineFailure.PortTaken);

        Assert.Equal($"Could not start the container one: {words}", error.Message);
    }

    [Fact]
    public async Task A_creation_sends_the_name_in_the_query_and_the_rest_as_the_engines_API_spells_it()
    {
        await using var loopback = await LoopbackEngine.StartAsync(Answers(
            ("/version", 200, Version2010), ("/v1.41/containers/create", 201, """{"Id":"abc","Warnings":null}""")));
        using var engine = Engine(loopback);

        var id = await engine.CreateAsync(new ContainerSpec
        {
            Name = "one",
            Image = "demo",
            Environment = ["A=1"],
            Labels = new Dictionary<string, string> { ["x"] = "y" },
            Ports = [new PortBinding(80, Transport.Tcp, 8080)],
            Binds = ["/a:/b:ro"],
            Devices = ["/dev/fuse"],
            Tmpfs = new Dictionary<string, string> { ["/run"] = "size=1" },
            CapDrop = ["ALL"],
            MemoryBytes = 6552550944,
            CpuShares = 2,
            ShmBytes = 2147483648,
        }, default);

        var request = loopback.Requests.Last();
        Assert.Equal(("abc", "POST", "?name=one"), (id, request.Method, request.Query));
        using var sent = JsonDocument.Parse(request.Body);
        var address = DockerRequests.Address is { } only ? $"\"HostIp\":\"{only}\"," : "";
        using var expected = JsonDocument.Parse("""
            {"Image":"demo","Env":["A=1"],"Labels":{"x":"y"},"ExposedPorts":{"80/tcp":{}},"HostConfig":{
            "Binds":["/a:/b:ro"],"PortBindings":{"80/tcp":[{ADDRESS"HostPort":"8080"}]},
            "Devices":[{"PathOnHost":"/dev/fuse","PathInContainer":"/dev/fuse","CgroupPermissions":"rwm"}],
            "Tmpfs":{"/run":"size=1"},"Memory":6552550944,"CpuShares":2,"ShmSize":2147483648,
            "CapDrop":["ALL"],"CapAdd":[],"SecurityOpt":[],"PidsLimit":4096,
            "LogConfig":{"Type":"local","Config":{"max-size":"10485760","max-file":"3","compress":"false"}}}}
            """.Replace("ADDRESS", address, StringComparison.Ordinal));
        Assert.True(JsonElement.DeepEquals(expected.RootElement, sent.RootElement), request.Body);
    }

    [Fact]
    public async Task A_container_that_joins_the_network_of_another_publishes_and_exposes_nothing()
    {
        await using var loopback = await LoopbackEngine.StartAsync(Answers(
            ("/version", 200, Version2010), ("/v1.41/containers/create", 201, """{"Id":"abc","Warnings":null}""")));
        using var engine = Engine(loopback);

        await engine.CreateAsync(
            new ContainerSpec { Name = "one", Image = "demo", Ports = [new PortBinding(80, Transport.Tcp, 8080)], NetworkOf = "other" }, default);

        using var sent = JsonDocument.Parse(loopback.Requests.Last().Body);
        var host = sent.RootElement.GetProperty("HostConfig");
        Assert.Equal("container:other", host.GetProperty("NetworkMode").GetString());
        Assert.Equal("{}", host.GetProperty("PortBindings").GetRawText());
        Assert.Equal("{}", sent.RootElement.GetProperty("ExposedPorts").GetRawText());
    }

    [Fact]
    public async Task A_start_that_fails_because_the_other_containers_network_is_gone_says_so()
    {
        await using var loopback = await LoopbackEngine.StartAsync(Answers(
            ("/version", 200, Version2010),
            ("/v1.41/containers/one/start", 409, """{"message":"cannot join network of a non running container: abc"}""")));
        using var engine = Engine(loopback);

        await FailsAsync(engine.StartAsync("one", default), EngineFailure.NetworkGone);
    }

    [Theory]
    [InlineData(204)]
    [InlineData(304)]
    public async Task A_start_may_be_repeated(int status)
    {
        await using var loopback = await LoopbackEngine.StartAsync(
            Answers(("/version", 200, Version2010), ("/v1.41/containers/one/start", status, "")));
        using var engine = Engine(loopback);

        await engine.StartAsync("one", default);

        Assert.Equal("POST", loopback.Requests.Last().Method);
    }

    [Theory]
    [InlineData(404, EngineFailure.NotFound)]
    [InlineData(500, EngineFailure.Refused)]
    public async Task A_start_that_fails_says_of_what_kind_in_the_engines_words(int status, EngineFailure failure)
    {
        await using var loopback = await LoopbackEngine.StartAsync(Answers(
            ("/version", 200, Version2010), ("/v1.41/containers/one/start", status, """{"message":"the engine's words"}""")));
        using var engine = Engine(loopback);

        var error = await FailsAsync(engine.StartAsync("one", default), failure);

        Assert.Equal("Could not start the container one: the engine's words", error.Message);
    }

    [Theory]
    [InlineData(204)]
    [InlineData(404)]
    public async Task A_removal_may_be_repeated(int status)
    {
        await using var loopback = await LoopbackEngine.StartAsync(Answers(
            ("/version", 200, Version2010), ("/v1.41/containers/one", status, status == 404 ? """{"message":"none"}""" : "")));
        using var engine = Engine(loopback);

        await engine.RemoveAsync("one", default);

        Assert.Equal(("DELETE", "?v=1&force=1"), (loopback.Requests.Last().Method, loopback.Requests.Last().Query));
    }

    [Fact]
    public async Task A_list_asks_for_all_containers_with_the_labels_and_reads_what_it_says_of_them()
    {
        await using var loopback = await LoopbackEngine.StartAsync(Answers(("/version", 200, Version2010), ("/v1.41/containers/json", 200, """
            [{"Id":"abc","Names":["/one"],"Image":"demo","State":"running","Created":1700000000,"Labels":{"k":"v"},
              "Ports":[{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},{"IP":"::","PrivatePort":80,"PublicPort":8080,"Type":"tcp"}]}]
            """)));
        using var engine = Engine(loopback);

        var listed = Assert.Single(await engine.ListAsync(new Dictionary<string, string> { ["k"] = "v", ["any"] = "" }, default));

        Assert.Equal("""?all=1&filters={"label":{"k=v":true,"any":true}}""", loopback.Requests.Last().Query);
        Assert.Equal(("abc", "one", "running", "v"), (listed.Id, listed.Name, listed.Status, listed.Labels["k"]));
        Assert.Equal(new PortBinding(80, Transport.Tcp, 8080), Assert.Single(listed.Ports));
    }

    [Fact]
    public async Task An_inspection_reads_state_times_labels_and_ports()
    {
        await using var loopback = await LoopbackEngine.StartAsync(Answers(("/version", 200, Version2010), ("/v1.41/containers/one/json", 200, """
            {"Id":"abc","Name":"/one","Created":"2026-01-02T03:04:05.123456789Z","Image":"sha256:1",
             "State":{"Status":"exited","Running":false,"Pid":0,"ExitCode":137,"StartedAt":"2026-01-02T03:04:06.1Z","FinishedAt":"0001-01-01T00:00:00Z"},
             "Config":{"Image":"demo","Labels":{"k":"v"}},
             "HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]},"Memory":1024},
             "NetworkSettings":{"Ports":{"80/tcp":null}},"SomethingNew":{"deep":[1]}}
            """)));
        using var engine = Engine(loopback);

        var inspected = (await engine.InspectAsync("one", default))!;

        Assert.Equal(("abc", "one", "exited", 137), (inspected.Id, inspected.Name, inspected.Status, inspected.ExitCode));
        Assert.Equal("v", inspected.Labels["k"]);
        Assert.Equal(new PortBinding(80, Transport.Tcp, 8080), Assert.Single(inspected.Ports));
    }

    [Fact]
    public async Task An_engine_that_is_not_there_is_unreachable()
    {
        using var engine = new DockerEngine(
            Options.Create(new DockerOptions { Endpoint = "unix:///nowhere/at/all.sock" }), TimeProvider.System,
            NullLogger<DockerEngine>.Instance);

        await FailsAsync(engine.PingAsync(default), EngineFailure.Unreachable);
        await FailsAsync(engine.WatchAsync(null, default), EngineFailure.Unreachable);
    }

    [Fact]
    public async Task An_engine_that_hangs_is_given_its_deadline_and_no_more()
    {
        var clock = new ManualClock();
        await using var loopback = await LoopbackEngine.StartAsync(context =>
            context.Request.Path == "/version" ? Write(context, 200, Version2010) : LoopbackEngine.HangAsync(context));
        using var engine = Engine(loopback, o => o.SlowCallTimeout = TimeSpan.FromSeconds(40), clock);

        var starting = engine.StartAsync("one", default);
        await clock.TimerSetAsync(TimeSpan.FromSeconds(40));
        clock.Advance(TimeSpan.FromSeconds(40));

        Assert.Contains("within 40 s", (await FailsAsync(starting, EngineFailure.TimedOut)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_caller_that_gives_up_is_no_failure_of_the_engine()
    {
        await using var loopback = await LoopbackEngine.StartAsync(LoopbackEngine.HangAsync);
        using var engine = Engine(loopback);
        using var cancel = new CancellationTokenSource();

        var call = engine.PingAsync(cancel.Token);
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
    }

    [Fact]
    public async Task An_answer_that_is_none_is_a_failure_and_not_a_crash()
    {
        await using var loopback = await LoopbackEngine.StartAsync(Answers(("/version", 200, "<html>not an engine</html>")));
        using var engine = Engine(loopback);

        await FailsAsync(engine.PingAsync(default), EngineFailure.Refused);
    }

    [Theory]
    [InlineData(204)]
    [InlineData(304)]
    [InlineData(404)]
    public async Task Stopping_may_be_repeated(int status)
    {
        await using var loopback = await LoopbackEngine.StartAsync(Answers(
            ("/version", 200, Version2010), ("/v1.41/containers/one/stop", status, status == 404 ? """{"message":"none"}""" : "")));
        using var engine = Engine(loopback);

        await engine.StopAsync("one", TimeSpan.FromSeconds(1.5), default);

        Assert.Equal("?t=2", loopback.Requests.Last().Query);
    }

    [Fact]
    public async Task Stopping_without_grace_kills_and_waits_for_the_end()
    {
        await using var loopback = await LoopbackEngine.StartAsync(Answers(
            ("/version", 200, Version2010), ("/v1.41/containers/one/kill", 204, ""), (
                "/v1.41/containers/one/wait", 200, """{"StatusCode":137}""")));
        using var engine = Engine(loopback);

        await engine.StopAsync("one", TimeSpan.Zero, default);

        Assert.Equal(["/v1.41/containers/one/kill?signal=KILL", "/v1.41/containers/one/wait"], loopback.Requests.Skip(1).Select(
            r => r.Path + r.Query));
    }

    [Fact]
    public async Task A_removal_that_somebody_else_began_is_waited_for()
    {
        var clock = new ManualClock();
        var answers = new Queue<int>([409, 500, 404]);
        await using var loopback = await LoopbackEngine.StartAsync(context => context.Request.Path == "/version"
            ? Write(context, 200, Version2010)
            : Write(context, answers.Dequeue(), """{"message":"removal of container one is already in progress"}"""));
        using var engine = Engine(loopback, clock: clock);

        var removing = engine.RemoveAsync("one", default);
        for (var retry = 1; retry <= 2; retry++)
        {
            await clock.TimerSetAsync(TimeSpan.FromMilliseconds(100));
            clock.Advance(TimeSpan.FromMilliseconds(100));
        }

        await removing;
        Assert.Equal("?v=1&force=1", loopback.Requests.Last().Query);
        Assert.Equal(4, loopback.Requests.Count);
    }

    [Theory]
    [InlineData("../images/x")]
    [InlineData("a/b")]
    [InlineData("a?x=1")]
    [InlineData("-a")]
    [InlineData("")]
    [InlineData("a\n")]
    public async Task What_is_no_id_never_gets_into_a_path(string id)
    {
        await using var loopback = await LoopbackEngine.StartAsync(Answers(("/version", 200, Version2010)));
        using var engine = Engine(loopback);

        Assert.Null(await engine.InspectAsync(id, default));
        await engine.StopAsync(id, TimeSpan.FromSeconds(1), default);
        await engine.RemoveAsync(id, default);
        await Assert.ThrowsAsync<ContainerEngineException>(() => engine.StartAsync(id, default));
        Assert.Empty(loopback.Requests);
    }

    [Fact]
    public async Task Something_that_is_no_event_ends_nothing()
    {
        await using var loopback = await LoopbackEngine.StartAsync(async context =>
        {
            if (context.Request.Path == "/version")
            {
                await Write(context, 200, Version2010);
                return;
            }

            await Write(context, 200, string.Join('\n',
                "{ this is no json",
                "[1]",
                """{"Type":"network","Action":"connect","Actor":{"ID":"n"},"timeNano":1}""",
                """{"Type":"container","Action":7,"Actor":{"ID":"n"}}""",
                """{"Type":"container","Action":"die","Actor":null}""",
                "",
                """{"Type":"container","Action":"die","Actor":{"ID":"abc","Attributes":{"exitCode":"137","k":"v"}},"timeNano":1700000000123456789}""",
                """{"Type":"container","Action":"die","Actor":{"ID":"cut"""));
        });
        using var engine = Engine(loopback);

        await using var events = await engine.WatchAsync(DateTimeOffset.UnixEpoch.AddSeconds(1.5), default);
        var died = await events.NextAsync(default);
        var end = await Assert.ThrowsAsync<ContainerEngineException>(() => events.NextAsync(default));

        Assert.Equal(("die", "abc", 137, "v"), (died.Action, died.ContainerId, died.ExitCode, died.Labels["k"]));
        Assert.Equal(1700000000123456700L, (died.At - DateTimeOffset.UnixEpoch).Ticks * 100);
        Assert.Equal(EngineFailure.Unreachable, end.Failure);
        Assert.Contains("since=1.500000000&", loopback.Requests.Last().Query, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_event_is_told_as_soon_as_it_is_whole_and_a_connection_that_breaks_ends_the_watch()
    {
        const string Die = """{"Type":"container","Action":"die","Actor":{"ID":"abc"},"timeNano":1}""";
        var pieces = Channel.CreateUnbounded<string>();
        await using var loopback = await LoopbackEngine.StartAsync(async context =>
        {
            if (context.Request.Path == "/version")
            {
                await Write(context, 200, Version2010);
                return;
            }

            await context.Response.Body.FlushAsync();
            await foreach (var piece in pieces.Reader.ReadAllAsync(context.RequestAborted))
            {
                await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(piece));
                await context.Response.Body.FlushAsync();
            }

            context.Abort();
        });
        using var engine = Engine(loopback);
        await using var events = await engine.WatchAsync(null, default);

        pieces.Writer.TryWrite(Die + "\n" + Die[..20]);
        Assert.Equal("abc", (await events.NextAsync(default)).ContainerId);
        var next = events.NextAsync(default);
        Assert.False(next.IsCompleted);
        pieces.Writer.TryWrite(Die[20..] + "\n");
        Assert.Equal("abc", (await next).ContainerId);
        pieces.Writer.Complete();

        await FailsAsync(events.NextAsync(default), EngineFailure.Unreachable);
    }

    [Fact]
    public async Task A_watch_that_the_engine_refuses_says_why()
    {
        await using var loopback = await LoopbackEngine.StartAsync(
            Answers(("/version", 200, Version2010), ("/v1.41/events", 400, """{"message":"bad since"}""")));
        using var engine = Engine(loopback);

        var error = await FailsAsync(engine.WatchAsync(null, default), EngineFailure.Refused);

        Assert.Contains("bad since", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_watch_ends_with_its_token()
    {
        await using var loopback = await LoopbackEngine.StartAsync(async context =>
        {
            await Write(context, 200, context.Request.Path == "/version" ? Version2010 : "\n");
            if (context.Request.Path != "/version")
            {
                await context.Response.Body.FlushAsync();
                await LoopbackEngine.HangAsync(context);
            }
        });
        using var engine = Engine(loopback);
        using var cancel = new CancellationTokenSource();
        await using var events = await engine.WatchAsync(null, default);

        var next = events.NextAsync(cancel.Token);
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next);
    }

    private static DockerEngine Engine(LoopbackEngine loopback, Action<DockerOptions>? configure = null, TimeProvider? clock = null)
    {
        var options = new DockerOptions { Endpoint = loopback.Endpoint.ToString() };
        configure?.Invoke(options);
        return new DockerEngine(Options.Create(options), clock ?? TimeProvider.System, NullLogger<DockerEngine>.Instance);
    }

    private static async Task<ContainerEngineException> FailsAsync(Task call, EngineFailure failure)
    {
        var error = await Assert.ThrowsAsync<ContainerEngineException>(() => call);
        Assert.Equal(failure, error.Failure);
        return error;
    }

    private static RequestDelegate Answers(params (string Path, int Status, string Body)[] answers) => context =>
    {
        var answer = Array.Find(answers, a => a.Path == context.Request.Path.Value);
        return answer.Path is null ? Write(context, 501, "not scripted") : Write(context, answer.Status, answer.Body);
    };

    private static async Task Write(HttpContext context, int status, string body)
    {
        context.Response.StatusCode = status;
        if (body.Length > 0)
        {
            await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(body));
        }
    }
}
