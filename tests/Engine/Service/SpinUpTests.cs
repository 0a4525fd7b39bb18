using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>From a PUT to a live container and back, through the process that users run.</summary>
[Collection(EngineCollection.Name)]
public sealed class SpinUpTests(EngineFixture engine, ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    private TestService Service => fixture.Service;

    [EngineFact]
    public async Task A_mandelbox_answers_on_its_three_host_ports_with_its_tty_and_id()
    {
        var result = await Service.UpAsync("ports");
        var lease = (await Service.GetAsync("/v1/mandelboxes/ports"))["lease"]!;

        // What it says of itself is what it has read inside.
        var expected = $"mandelbox=ports tty={lease["tty"]} gpu={lease["gpuIndex"]} dpi=none port={result["port_32262"]} timeout=-1";
        Assert.Equal(expected, await OverTcpAsync(result["port_32262"]!));
        Assert.Equal(expected, await OverUdpAsync(result["port_32263"]!));
        Assert.Equal(expected, await OverTcpAsync(result["port_32273"]!));
        Assert.InRange((int)lease["tty"]!, 10, 63);

        Assert.Equal(HttpStatusCode.NoContent, await Service.DeleteAsync("ports"));
        await Service.AssertNothingIsLeftAsync();
    }

    [EngineFact]
    public async Task What_it_was_given_lies_inside_whole_and_without_a_line_feed()
    {
        var (_, answer) = await Service.SpinUpAsync(TestService.Body("given", dpi: 96, session: 18446744073709551615));
        var container = await Service.ContainerAsync("given");
        var lease = (await Service.GetAsync("/v1/mandelboxes/given"))["lease"]!;
        // The demo has made the file of B16 by then or not; the rest is there before the answer is.
        var files = await InsideAsync(
            container.Id, "cd /fractal/resourceMappings; for f in .ready *; do [ $f = done_sleeping_until_X_clients ] || echo "
                + "\"$f=[$(cat $f)] $(wc -c <$f)\"; done");

        Assert.Equal(
            string.Join(
                '\n',
                Line(".ready", ".ready"),
                Line("DPI", "96"),
                Line("gpu_index", $"{lease["gpuIndex"]}"),
                Line("hostPort_for_my_32262_tcp", $"{answer["result"]!["port_32262"]}"),
                Line("timeout", "-1"),
                Line("tty", $"{lease["tty"]}")),
            files);
        Assert.Equal($"{answer["result"]!["aes_key"]}", await InsideAsync(container.Id, "printf %s \"$FRACTAL_AES_KEY\""));
        Assert.Equal("LOCALDEV all all", await InsideAsync(
            container.Id, "printf %s \"$SENTRY_ENV $NVIDIA_VISIBLE_DEVICES $NVIDIA_DRIVER_CAPABILITIES\""));
        Assert.True(Directory.Exists(Path.Combine(Service.Settings.Root, "temp", "logs", "given", "18446744073709551615")));
        await Service.DeleteAsync("given");

        static string Line(string name, string content) => $"{name}=[{content}] {content.Length}";
    }

    [EngineFact]
    public async Task Its_container_is_made_as_the_contract_says_and_its_labels_are_the_ledger()
    {
        await Service.UpAsync("made");
        var container = await Service.ContainerAsync("made");
        var made = JsonNode.Parse(await DockerCommand.RunAsync(engine.Endpoint, "inspect", container.Id))![0]!;
        var lease = (await Service.GetAsync("/v1/mandelboxes/made"))["lease"]!;
        var host = made["HostConfig"]!;

        Assert.Equal("/mandelboxes-demo-made", (string)made["Name"]!);
        Assert.Equal(
            (6552550944, 2, 2147483648, true, true),
            ((long)host["Memory"]!, (int)host["CpuShares"]!, (long)host["ShmSize"]!, (bool)made["Config"]!["Tty"]!, (bool)made["Config"]!["AttachStdin"]!));
        Assert.Equal("""{"/run":"size=52428800","/run/lock":"size=52428800"}""", host["Tmpfs"]!.ToJsonString());
        Assert.Equal("""["ALL"]""", host["CapDrop"]!.ToJsonString());
        Assert.Equal(15, host["CapAdd"]!.AsArray().Count);
        var home = Path.Combine(Service.Settings.Root, "made");
        Assert.Contains($"{home}/mandelboxResourceMappings:/fractal/resourceMappings", host["Binds"]!.AsArray().Select(b => (string)b!));

        var ledger = ContainerLabels.Read(container.Labels, container.Name)!;
        Assert.Equal(
            ("made", "mandelboxes/demo", Service.Settings.InstanceName),
            (container.Labels[ContainerLabels.MandelboxId], container.Labels[ContainerLabels.App], container.Labels[ContainerLabels.Host]));
        Assert.Equal(((int)lease["tty"]!, (int)lease["gpuIndex"]!), (ledger.Tty, ledger.GpuIndex));
        Assert.Equal(
            lease["ports"]!.AsArray().Select(p => (int)p!["hostPort"]!).Order(),
            ledger.Ports.Select(p => (int)p.HostPort).Order());
        await Service.DeleteAsync("made");
    }

    /// <summary>tests/Vm has the same under AppArmor, with FUSE.</summary>
    [EngineFact]
    public async Task Its_system_calls_processes_and_log_are_limited_and_sandboxes_inside_work()
    {
        await Service.UpAsync("limited");
        var container = (await Service.ContainerAsync("limited")).Id;
        var host = JsonNode.Parse(await DockerCommand.RunAsync(engine.Endpoint, "inspect", container))![0]!["HostConfig"]!;
        Assert.Equal(4096, (int)host["PidsLimit"]!);
        Assert.Equal(
            """{"Type":"local","Config":{"compress":"false","max-file":"3","max-size":"10485760"}}""", host["LogConfig"]!.ToJsonString());
        Assert.Contains(host["SecurityOpt"]!.AsArray(), o => ((string)o!).StartsWith("seccomp={", StringComparison.Ordinal));

        // The engine still shows what the terminal got.
        Assert.Contains("demo waits", await DockerCommand.RunAsync(engine.Endpoint, "logs", container), StringComparison.Ordinal);

        Assert.Equal("0", await InsideAsync(container, "unshare -Ur true; echo $?"));
        Assert.Equal("mine", await InsideAsync(
            container, "unshare -Urm sh -c 'mount -t tmpfs none /tmp && echo mine >/tmp/file && cat /tmp/file && umount /tmp'"));
        Assert.Equal(SystemCallProgram.NotPermitted, await CallAsync(container, SystemCallProgram.KeyctlNumber));
        Assert.Equal(SystemCallProgram.NotPermitted, await CallAsync(container, SystemCallProgram.BpfNumber));
        await Service.DeleteAsync("limited");
    }

    [EngineFact]
    public async Task A_killed_container_gives_everything_back_within_two_seconds()
    {
        await using var events = await Service.Engine.WatchAsync(null, default);
        var took = new List<TimeSpan>();
        for (var i = 0; i < 5; i++)
        {
            var id = $"killed-{i}";
            await Service.UpAsync(id);
            var container = await Service.ContainerAsync(id);

            await DockerCommand.RunAsync(engine.Endpoint, "kill", container.Id);
            await HappensAsync(events, "die", container.Id);
            var died = Stopwatch.GetTimestamp();
            await HappensAsync(events, "destroy", container.Id);
            await Service.GoneAsync(id);
            took.Add(Stopwatch.GetElapsedTime(died));
        }

        await Service.AssertNothingIsLeftAsync();
        // The one in the middle: a machine that was busy with something else for a moment is no fault of the service's.
        Assert.True(took.Order().ElementAt(took.Count / 2) <= TimeSpan.FromSeconds(2), string.Join(", ", took));
    }

    [EngineFact]
    public async Task The_same_request_gets_the_same_answer_and_another_session_does_not()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Service.SpinUpAsync(TestService.Body("twice"))));
        var (status, other) = await Service.SpinUpAsync(TestService.Body("twice", session: 2));

        Assert.All(answers, a => Assert.Equal((HttpStatusCode.OK, answers[0].Answer.ToJsonString()), (a.Status, a.Answer.ToJsonString())));
        Assert.Equal(answers[0].Answer.ToJsonString(), (await Service.SpinUpAsync(TestService.Body("twice"))).Answer.ToJsonString());
        Assert.Equal(HttpStatusCode.NotAcceptable, status);
        Assert.Contains("another user or session", (string)other["error"]!, StringComparison.Ordinal);
        await Service.ContainerAsync("twice");
        await Service.DeleteAsync("twice");
    }

    private static async Task HappensAsync(IContainerEventSubscription events, string action, string container)
    {
        while (true)
        {
            var next = await events.NextAsync(default).WaitAsync(TimeSpan.FromSeconds(60));
            if (next.Action == action && next.ContainerId == container)
            {
                return;
            }
        }
    }

    private static async Task<string> OverTcpAsync(JsonNode port)
    {
        using var connection = await DemoConnection.OpenAsync((int)port);
        return connection.FirstLine;
    }

    private static async Task<string> OverUdpAsync(JsonNode port)
    {
        using var client = new UdpClient();
        client.Connect(IPAddress.Loopback, (int)port);
        var answer = client.ReceiveAsync();
        for (var tries = 0; tries < 60; tries++)
        {
            await client.SendAsync("hello"u8.ToArray());
            if (await Task.WhenAny(answer, Answered(TimeSpan.FromSeconds(1))) == answer)
            {
                return Encoding.UTF8.GetString((await answer).Buffer).TrimEnd();
            }
        }

        throw new TimeoutException("no datagram came back");

        // What is sent before the program inside listens is lost.
        Task Answered(TimeSpan within) => answer.WaitAsync(within).ContinueWith(static _ => { }, TaskScheduler.Default);
    }

    private async Task<int> CallAsync(string container, int number)
    {
        var program = Convert.ToHexStringLower(SystemCallProgram.Build(number));
        return int.Parse(await InsideAsync(
            container, $"f=/tmp/call-$$; printf {program} | xxd -r -p >$f; chmod 755 $f; $f; echo $?; rm $f"));
    }

    private Task<string> InsideAsync(string container, string script) =>
        DockerCommand.RunAsync(engine.Endpoint, "exec", container, "/bin/sh", "-c", script);
}
