using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd;

/// <summary>B29: the ECS agent's part is played over the wire and at the engine, by somebody who knows nothing of our labels.</summary>
[Collection(BackendCollection.Name)]
public sealed class EcsTests(EngineFixture engine) : IAsyncLifetime
{
    private readonly List<string> _containers = [];
    private RunningService _service = null!;

    public async Task InitializeAsync()
    {
        if (EngineFixture.SkipReason is null)
        {
            _service = await RunningService.StartLocalAsync(new ScratchDirectory(), engine, ("Ecs__Enabled", "true"));
        }
    }

    public async Task DisposeAsync()
    {
        if (_service is not null)
        {
            foreach (var container in _containers)
            {
                await _service.Engine.RemoveAsync(container, default);
            }

            await _service.DisposeAsync();
        }
    }

    [EngineFact]
    public async Task A_container_that_is_registered_and_then_started_gets_its_tty_and_port_its_dpi_and_its_end()
    {
        var port = TestPorts.Reserve();
        var container = await MakeContainerAsync("ecs1", port);
        await RegisterAsync(container, "ecs1");
        Assert.Empty(Directory.GetFiles(Mappings("ecs1")));

        await _service.Engine.StartAsync(container, default);
        Assert.Equal($"{port}", await Files.AppearsAsync(Mappings("ecs1"), "hostPort_for_my_32262_tcp"));
        var tty = await Files.AppearsAsync(Mappings("ecs1"), "tty");
        Assert.InRange(int.Parse(tty), 10, 63);
        await _service.Process.Log.LineAsync("Mandelbox ecs1: Created -> Started");
        Assert.False(File.Exists(Path.Combine(Mappings("ecs1"), ".ready")));

        await SetDpiAsync(port, 192);
        Assert.Equal("192", await File.ReadAllTextAsync(Path.Combine(Mappings("ecs1"), "DPI")));
        Assert.Equal(".ready", await File.ReadAllTextAsync(Path.Combine(Mappings("ecs1"), ".ready")));

        // The app inside has woken up, and says what it has read.
        await Files.AppearsAsync(Mappings("ecs1"), "done_sleeping_until_X_clients");
        Assert.Equal($"mandelbox=ecs1 tty={tty} gpu=none dpi=192 port={port} timeout=none", await AskAsync(port));

        await _service.Engine.StopAsync(container, TimeSpan.FromSeconds(10), default);
        await GoneAsync("ecs1", container);
    }

    [EngineFact]
    public async Task A_container_that_runs_before_it_is_registered_is_taken_over_by_its_short_id_too()
    {
        var port = TestPorts.Reserve();
        var container = await MakeContainerAsync("ecs2", port);
        await _service.Engine.StartAsync(container, default);
        await RegisterAsync(container[..12], "ecs2");

        // The answer means that it has been taken over.
        Assert.Equal($"{port}", await File.ReadAllTextAsync(Path.Combine(Mappings("ecs2"), "hostPort_for_my_32262_tcp")));
        await SetDpiAsync(port, 96);
        Assert.Equal("Running", (string?)(await _service.DescribeAsync("ecs2"))["state"]);

        // Its engine's event names it in full.
        await _service.Engine.StopAsync(container, TimeSpan.FromSeconds(10), default);
        await GoneAsync("ecs2", container);
    }

    [EngineFact]
    public async Task Input_devices_come_as_a_json_text_of_paths_and_of_none_where_a_developer_s_kernel_has_no_uinput()
    {
        var devices = await MakeDevicesAsync("ecs3");
        Assert.Equal(File.Exists("/dev/uinput") ? 3 : 0, devices.Count);
        Assert.All(devices, d =>
        {
            Assert.Matches("^/dev/input/event[0-9]+$", (string)d!["path_on_host"]!);
            Assert.Equal((string)d["path_on_host"]!, (string)d["path_in_container"]!);
            Assert.Equal("rwm", (string)d["cgroup_permissions"]!);
        });
        await _service.EndAsync("ecs3");
        Assert.All(devices, d => Assert.False(File.Exists((string)d!["path_on_host"]!)));
    }

    [EngineFact]
    public async Task Registered_given_devices_and_started_it_is_taken_over_whatever_devices_this_machine_has()
    {
        var port = TestPorts.Reserve();
        var container = await MakeContainerAsync("ecs7", port);
        await RegisterAsync(container, "ecs7");
        await MakeDevicesAsync("ecs7");
        await _service.Engine.StartAsync(container, default);

        Assert.Equal($"{port}", await Files.AppearsAsync(Mappings("ecs7"), "hostPort_for_my_32262_tcp"));
        await _service.Process.Log.LineAsync("Mandelbox ecs7: Created -> Started");
        await SetDpiAsync(port, 96);
        await _service.Engine.StopAsync(container, TimeSpan.FromSeconds(10), default);
        await GoneAsync("ecs7", container);
    }

    [EngineFact]
    public async Task Foreign_containers_are_ignored_and_what_is_wrong_is_refused_with_the_reason()
    {
        var port = TestPorts.Reserve();
        var foreign = await MakeContainerAsync("foreign", port);
        await _service.Engine.StartAsync(foreign, default);
        Assert.Contains($"no mandelbox has host port {port}/tcp", await RefusedAsync(HttpMethod.Put, "/set_container_dpi", new() { ["host_port"] = port, ["dpi"] = 96 }), StringComparison.Ordinal);

        Assert.Contains("docker_id", await RefusedAsync(HttpMethod.Post, "/register_docker_container_id", new() { ["docker_id"] = "../x", ["fractal_id"] = "ecs4" }), StringComparison.Ordinal);
        Assert.Contains("fractal_id", await RefusedAsync(HttpMethod.Post, "/register_docker_container_id", new() { ["docker_id"] = foreign, ["fractal_id"] = "a/b" }), StringComparison.Ordinal);
        var (status, _) = await _service.CallAsync(
            HttpMethod.Post, "/register_docker_container_id", new() { ["docker_id"] = foreign, ["fractal_id"] = "ecs4" });
        Assert.Equal(HttpStatusCode.Unauthorized, status);

        Assert.True((await _service.Engine.InspectAsync(foreign, default))!.Running);
        await _service.AssertNothingIsHeldAsync();
    }

    [EngineFact]
    public async Task At_the_host_s_end_an_adopted_container_ends_and_one_that_is_waited_for_is_forgotten()
    {
        var port = TestPorts.Reserve();
        var container = await MakeContainerAsync("ecs5", port);
        var waiting = await MakeContainerAsync("ecs6", TestPorts.Reserve());
        await _service.Engine.StartAsync(container, default);
        await RegisterAsync(container, "ecs5");
        await RegisterAsync(waiting, "ecs6");

        Assert.Equal(0, await _service.Process.EndAsync());
        Assert.False((await _service.Engine.InspectAsync(container, default))!.Running);
        Assert.NotNull(await _service.Engine.InspectAsync(waiting, default));
        Assert.False(Directory.Exists(_service.Root));
    }

    private static async Task<string?> AskAsync(ushort port)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port);
        using var reader = new StreamReader(client.GetStream());
        return await reader.ReadLineAsync();
    }

    private string Mappings(string id) => Path.Combine(_service.Root, id, "containerResourceMappings");

    /// <summary>As the agent makes one: labels of its own, one port, and the mapping's directory bound.</summary>
    private async Task<string> MakeContainerAsync(string id, ushort port)
    {
        Directory.CreateDirectory(Mappings(id));
        var container = await _service.Engine.CreateAsync(
            new ContainerSpec
            {
                Name = $"ecs-{_service.Instance}-{id}",
                Image = FakeContainerEngine.DemoImage,
                Labels = new Dictionary<string,
                string>
                { ["com.amazonaws.ecs.container-name"] = id, ["com.amazonaws.ecs.task-definition-family"] = "browsers" },
                Ports = [new PortBinding(32262, Transport.Tcp, (ushort)port)],
                Binds = [$"{Mappings(id)}:/fractal/resourceMappings"],
                Tty = true,
            },
            default);
        _containers.Add(container);
        return container;
    }

    private async Task RegisterAsync(string container, string id)
    {
        var (status, answer) = await _service.BackendAsync(
            HttpMethod.Post, "/register_docker_container_id", new() { ["docker_id"] = container, ["fractal_id"] = id });
        Assert.True(status == HttpStatusCode.OK, $"{answer}");
        Assert.Equal("""{"result":""}""", answer.ToJsonString());
    }

    private async Task<JsonArray> MakeDevicesAsync(string id)
    {
        var (status, answer) = await _service.BackendAsync(
            HttpMethod.Post, "/create_uinput_devices", new JsonObject { ["fractal_id"] = id });
        Assert.True(status == HttpStatusCode.OK, $"{answer}");
        return JsonNode.Parse((string)answer["result"]!)!.AsArray();
    }

    private async Task SetDpiAsync(int port, int dpi)
    {
        var (status, answer) = await _service.BackendAsync(
            HttpMethod.Put, "/set_container_dpi", new() { ["host_port"] = port, ["dpi"] = dpi });
        Assert.True(status == HttpStatusCode.OK, $"{answer}");
    }

    private async Task<string> RefusedAsync(HttpMethod method, string path, JsonObject body)
    {
        var (status, answer) = await _service.BackendAsync(method, path, body);
        Assert.Equal(HttpStatusCode.NotAcceptable, status);
        return (string)answer["error"]!;
    }

    private async Task GoneAsync(string id, string container)
    {
        await _service.Process.Log.LineAsync($"Mandelbox {id} has gone after ").WaitAsync(TimeSpan.FromSeconds(60));
        Assert.False((await _service.Engine.InspectAsync(container, default))!.Running, "the agent removes it");
        Assert.False(Directory.Exists(Path.Combine(_service.Root, id)));
        await _service.AssertNothingIsHeldAsync();
    }
}
