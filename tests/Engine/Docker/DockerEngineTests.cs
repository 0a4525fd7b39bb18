using System.Net;
using System.Net.Sockets;
using System.Text;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Engine.Docker;

[Collection(EngineCollection.Name)]
public sealed class DockerEngineTests(EngineFixture fixture) : IAsyncLifetime
{
    private const string Label = "host-service.test";
    private readonly string _run = Guid.NewGuid().ToString("n");
    private readonly ScratchDirectory _directory = new();
    private readonly ServiceProvider _services = EngineFixture.Connect(fixture.Endpoint);
    private string _image = "";

    private IContainerEngine Engine => _services.GetRequiredService<IContainerEngine>();

    private Dictionary<string, string> Ours => new() { [Label] = _run };

    public async Task InitializeAsync() =>
        _image = await Engine.FindImageAsync(ContainerNames.LocalImagePatterns(EngineFixture.DemoApp), default) ?? "";

    public async Task DisposeAsync()
    {
        foreach (var left in await Engine.ListAsync(Ours, default))
        {
            await Engine.RemoveAsync(left.Id, default);
        }

        await _services.DisposeAsync();
        _directory.Dispose();
    }

    [EngineFact]
    public async Task The_engine_says_what_it_is()
    {
        var info = await Engine.PingAsync(default);

        Assert.NotEmpty(info.Version);
        Assert.Contains("runc", info.Runtimes);
        Assert.True(Version.Parse(info.ApiVersion) <= new Version(1, 44));
    }

    [EngineFact]
    public void The_demos_image_is_found_by_its_app() => Assert.Equal("fractal/mandelboxes/demo:current-build", _image);

    [EngineFact]
    public async Task A_container_lives_from_creation_to_removal_and_every_call_may_be_repeated()
    {
        var id = await Engine.CreateAsync(Demo("life"), default);
        var created = await Engine.InspectAsync(id, default);
        Assert.Equal(("created", false, 0L), (created!.Status, created.Running, created.Pid));

        await Engine.StartAsync(id, default);
        await Engine.StartAsync(id, default);
        var running = await Engine.InspectAsync($"life-{_run}", default);
        Assert.Equal((id, true), (running!.Id, running.Running));
        Assert.True(running.Pid > 0);

        await Engine.StopAsync(id, TimeSpan.FromSeconds(5), default);
        await Engine.StopAsync(id, TimeSpan.FromSeconds(5), default);
        var stopped = await Engine.InspectAsync(id, default);
        Assert.Equal(("exited", 0), (stopped!.Status, stopped.ExitCode));

        await Engine.RemoveAsync(id, default);
        await Engine.RemoveAsync(id, default);
        await Engine.StopAsync(id, TimeSpan.FromSeconds(5), default);
        Assert.Null(await Engine.InspectAsync(id, default));
    }

    [EngineFact]
    public async Task A_running_container_is_removed_at_once()
    {
        var id = await StartedAsync(Demo("running"));

        await Engine.RemoveAsync(id, default);

        Assert.Null(await Engine.InspectAsync(id, default));
    }

    [EngineFact]
    public async Task Without_grace_a_container_is_killed()
    {
        var id = await StartedAsync(Demo("killed"));

        await Engine.StopAsync(id, TimeSpan.Zero, default);
        await Engine.StopAsync(id, TimeSpan.Zero, default);

        Assert.Equal(
            ("exited", 137), ((await Engine.InspectAsync(id, default))!.Status, (await Engine.InspectAsync(id, default))!.ExitCode));
    }

    [EngineFact]
    public async Task Removing_from_two_sides_at_once_succeeds_on_both()
    {
        var id = await StartedAsync(Demo("twice"));

        await Task.WhenAll(Engine.RemoveAsync(id, default), Engine.RemoveAsync(id, default), Engine.RemoveAsync(id, default));

        Assert.Null(await Engine.InspectAsync(id, default));
    }

    [EngineFact]
    public async Task A_name_that_is_taken_and_an_image_that_is_not_there_are_told_apart()
    {
        await Engine.CreateAsync(Demo("name"), default);

        var taken = await Assert.ThrowsAsync<ContainerEngineException>(() => Engine.CreateAsync(Demo("name"), default));
        var missing = await Assert.ThrowsAsync<ContainerEngineException>(
            () => Engine.CreateAsync(Demo("image") with { Image = "no/such:image" }, default));

        Assert.Equal((EngineFailure.NameTaken, EngineFailure.NotFound), (taken.Failure, missing.Failure));
        Assert.Contains("no/such:image", missing.Message, StringComparison.Ordinal);
    }

    [EngineFact]
    public async Task A_port_that_is_taken_is_refused_in_the_engines_words()
    {
        using var listener = new TcpListener(IPAddress.Any, 0);
        listener.Start();
        var port = (ushort)((IPEndPoint)listener.LocalEndpoint).Port;
        var id = await Engine.CreateAsync(Demo("port") with { Ports = [new PortBinding(32262, Transport.Tcp, port)] }, default);

        var error = await Assert.ThrowsAsync<ContainerEngineException>(() => Engine.StartAsync(id, default));

        Assert.Equal(EngineFailure.PortTaken, error.Failure);
        Assert.Contains(port.ToString(), error.Message, StringComparison.Ordinal);
    }

    [EngineFact]
    public async Task Containers_are_listed_by_their_labels()
    {
        var one = await StartedAsync(Demo("one") with { Labels = new Dictionary<string, string> { [Label] = _run, ["colour"] = "red" } });
        var two = await Engine.CreateAsync(Demo("two"), default);

        var all = await Engine.ListAsync(Ours, default);
        var red = await Engine.ListAsync(new Dictionary<string, string> { [Label] = _run, ["colour"] = "red" }, default);
        var coloured = await Engine.ListAsync(new Dictionary<string, string> { [Label] = _run, ["colour"] = "" }, default);

        Assert.Equal(new[] { one, two }.Order(), all.Select(c => c.Id).Order());
        Assert.Equal(one, Assert.Single(red).Id);
        Assert.Equal(one, Assert.Single(coloured).Id);
        Assert.Equal(($"one-{_run}", "running", _run), (red[0].Name, red[0].Status, red[0].Labels[Label]));
    }

    [EngineFact]
    public async Task A_mandelboxs_container_gets_what_B17_says_and_the_demo_answers_on_its_ports()
    {
        var mappings = _directory.Directory("box7/mandelboxResourceMappings");
        foreach (var (name, content) in new[] { ("tty", "12"), ("gpu_index", "0"), ("timeout", "-1"), ("DPI", "96"), (".ready", ".ready") })
        {
            await File.WriteAllTextAsync(Path.Combine(mappings, name), content);
        }

        using var up = new FileSystemWatcher(mappings, "done_sleeping_until_X_clients") { EnableRaisingEvents = true };
        var isUp = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        up.Created += (_, _) => isUp.TrySetResult();
        ushort tcp = TestPorts.Reserve(), udp = TestPorts.Reserve(), second = TestPorts.Reserve();
        var id = await StartedAsync(Demo("box7") with
        {
            Ports = [new PortBinding(32262, Transport.Tcp, tcp), new PortBinding(32263, Transport.Udp, udp), new PortBinding(
                32273, Transport.Tcp, second)],
            Binds = ["/sys/fs/cgroup:/sys/fs/cgroup:ro", $"{mappings}:/fractal/resourceMappings"],
            Tmpfs = new Dictionary<string, string> { ["/run"] = "size=52428800", ["/run/lock"] = "size=52428800" },
            CapDrop = ["ALL"],
            CapAdd = ["SETPCAP", "MKNOD", "AUDIT_WRITE", "CHOWN", "NET_RAW", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
                "NET_BIND_SERVICE", "SYS_CHROOT", "SETFCAP", "SYS_NICE"],
            MemoryBytes = 6552550944,
            CpuShares = 2,
            ShmBytes = 2147483648,
        });
        await isUp.Task.WaitAsync(TimeSpan.FromSeconds(30));

        const string Answer = "mandelbox=box7 tty=12 gpu=0 dpi=96 port=none timeout=-1";
        Assert.Equal(Answer, await AskTcpAsync(tcp));
        Assert.Equal(Answer, await AskTcpAsync(second));
        Assert.Equal(Answer, await AskUdpAsync(udp));
        Assert.Equal(Enumerable.Repeat(Answer, 12), await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => AskTcpAsync(tcp))));
        var described = await Engine.InspectAsync(id, default);
        Assert.Equal(
            [(32262, tcp), (32263, udp), (32273, second)], described!.Ports.Select(p => ((int)p.MandelboxPort, p.HostPort)).Order());

        var before = DateTimeOffset.UtcNow;
        await AskTcpAsync(tcp, "quit\n");
        await using var events = await Engine.WatchAsync(before, default);
        while (await events.NextAsync(default).WaitAsync(TimeSpan.FromSeconds(30)) is not { Action: "die" } died || died.ContainerId != id)
        {
            // Other events, other containers.
        }
    }

    [EngineFact]
    public async Task Events_tell_a_containers_life_with_its_labels_and_exit_code()
    {
        await using var events = await Engine.WatchAsync(null, default);
        var id = await StartedAsync(Demo("told"));
        await Engine.StopAsync(id, TimeSpan.Zero, default);
        await Engine.RemoveAsync(id, default);

        var told = new List<ContainerEvent>();
        while (told.LastOrDefault()?.Action != "destroy")
        {
            var next = await events.NextAsync(default).WaitAsync(TimeSpan.FromSeconds(30));
            if (next.ContainerId == id)
            {
                told.Add(next);
            }
        }

        Assert.Equal(["create", "start", "die", "destroy"], told.Select(e => e.Action));
        Assert.All(told, e => Assert.Equal(_run, e.Labels[Label]));
        Assert.Equal(137, told[2].ExitCode);
        Assert.Equal(told.Select(e => e.At).Order(), told.Select(e => e.At));
    }

    [EngineFact]
    public async Task Events_that_nobody_watched_are_told_to_whoever_asks_for_them()
    {
        var before = DateTimeOffset.UtcNow;
        var id = await StartedAsync(Demo("late"));
        await Engine.StopAsync(id, TimeSpan.Zero, default);

        await using var events = await Engine.WatchAsync(before, default);
        var actions = new List<string>();
        while (actions.LastOrDefault() != "die")
        {
            var next = await events.NextAsync(default).WaitAsync(TimeSpan.FromSeconds(30));
            if (next.ContainerId == id)
            {
                actions.Add(next.Action);
            }
        }

        Assert.Equal(["create", "start", "die"], actions);
    }

    private static async Task<string?> AskTcpAsync(int port, string? word = null)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port);
        using var reader = new StreamReader(client.GetStream());
        var answer = await reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(20));
        if (word is not null)
        {
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(word));
        }

        return answer;
    }

    private static async Task<string> AskUdpAsync(int port)
    {
        using var client = new UdpClient();
        await client.SendAsync("?"u8.ToArray(), "127.0.0.1", port);
        return Encoding.ASCII.GetString((await client.ReceiveAsync().WaitAsync(TimeSpan.FromSeconds(20))).Buffer).TrimEnd();
    }

    private ContainerSpec Demo(string name) => new() { Name = $"{name}-{_run}", Image = _image, Labels = Ours, Tty = true };

    private async Task<string> StartedAsync(ContainerSpec spec)
    {
        var id = await Engine.CreateAsync(spec, default);
        await Engine.StartAsync(id, default);
        return id;
    }
}
