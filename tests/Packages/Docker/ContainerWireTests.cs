using System.Net;
using System.Text.Json;
using Docker.DotNet;
using Docker.DotNet.Models;
using HostService.Tests.Support;

namespace HostService.Tests.Packages.Docker;

public sealed class ContainerWireTests
{
    [Fact]
    public async Task A_container_is_created_by_its_name_in_the_query_and_the_rest_in_the_body()
    {
        await using var engine = await LoopbackEngine.AnsweringAsync(201, """{"Id":"abc","Warnings":["no swap"]}""");
        using var client = Connect(engine);

        var created = await client.Containers.CreateContainerAsync(new CreateContainerParameters
        {
            Name = "a b",
            Image = "demo",
            Env = ["A=1"],
            Labels = new Dictionary<string, string> { ["x"] = "y" },
            Tty = true,
            ExposedPorts = new Dictionary<string, EmptyStruct> { ["80/tcp"] = default },
            HostConfig = new HostConfig
            {
                Binds = ["/a:/b:ro"],
                PortBindings = new Dictionary<string, IList<PortBinding>> { ["80/tcp"] = [new PortBinding { HostPort = "8080" }] },
                Devices = [new DeviceMapping { PathOnHost = "/dev/fuse", PathInContainer = "/dev/fuse", CgroupPermissions = "rwm" }],
                Tmpfs = new Dictionary<string, string> { ["/run"] = "size=1" },
                Memory = 6552550944,
                CPUShares = 2,
                ShmSize = 2147483648,
                CapDrop = ["ALL"],
            },
        });

        Assert.Equal("abc", created.ID);
        Assert.Equal(["no swap"], created.Warnings);
        Assert.Equal("POST", engine.Request.Method);
        Assert.Equal("/containers/create", engine.Request.Path);
        Assert.Equal("?name=a b", engine.Request.Query);
        Assert.StartsWith("application/json", engine.Request.Headers["Content-Type"], StringComparison.Ordinal);
        var expected = """
            {"Image":"demo","Env":["A=1"],"Labels":{"x":"y"},"Tty":true,"ExposedPorts":{"80/tcp":{}},"HostConfig":{
            "Binds":["/a:/b:ro"],"PortBindings":{"80/tcp":[{"HostPort":"8080"}]},
            "Devices":[{"PathOnHost":"/dev/fuse","PathInContainer":"/dev/fuse","CgroupPermissions":"rwm"}],
            "Tmpfs":{"/run":"size=1"},"Memory":6552550944,"CpuShares":2,"ShmSize":2147483648,"CapDrop":["ALL"]}}
            """;
        Assert.True(JsonElement.DeepEquals(Parse(expected), Parse(engine.Request.Body)), engine.Request.Body);
    }

    [Fact]
    public async Task A_list_asks_with_flags_as_digits_and_filters_as_json()
    {
        await using var engine = await LoopbackEngine.AnsweringAsync(200, """
            [{"Id":"abc","Names":["/one"],"Image":"demo","State":"running","Created":1700000000,"Labels":{"k":"v"},
              "Ports":[{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"}]}]
            """);
        using var client = Connect(engine);

        var listed = Assert.Single(await client.Containers.ListContainersAsync(new ContainersListParameters
        {
            All = true,
            Filters = new Dictionary<string, IDictionary<string, bool>> { ["label"] = new Dictionary<string, bool> { ["k=v"] = true } },
        }));

        Assert.Equal("""?all=1&filters={"label":{"k=v":true}}""", engine.Request.Query);
        Assert.Equal(("abc", "/one", "running", "v"), (listed.ID, listed.Names[0], listed.State, listed.Labels["k"]));
        Assert.Equal(new DateTime(2023, 11, 14, 22, 13, 20, DateTimeKind.Utc), listed.Created);
        Assert.Equal((8080, 80, "tcp"), (listed.Ports[0].PublicPort, listed.Ports[0].PrivatePort, listed.Ports[0].Type));
    }

    [Fact]
    public async Task What_equals_its_default_is_not_asked_for()
    {
        await using var engine = await LoopbackEngine.AnsweringAsync(200, "[]");
        using var client = Connect(engine);

        await client.Containers.ListContainersAsync(new ContainersListParameters { All = false, Limit = 0 });

        Assert.Equal("", engine.Request.Query);
    }

    [Theory]
    [InlineData(10u, "?t=10")]
    [InlineData(0u, "")]
    public async Task A_stop_says_how_long_to_wait_unless_that_is_zero(uint seconds, string query)
    {
        await using var engine = await LoopbackEngine.AnsweringAsync(204, "");
        using var client = Connect(engine);

        Assert.True(await client.Containers.StopContainerAsync("abc", new ContainerStopParameters { WaitBeforeKillSeconds = seconds }));

        Assert.Equal(("POST", "/containers/abc/stop", query), (engine.Request.Method, engine.Request.Path, engine.Request.Query));
    }

    [Fact]
    public async Task Not_modified_is_an_answer_and_not_an_error()
    {
        await using var engine = await LoopbackEngine.AnsweringAsync(304, "");
        using var client = Connect(engine);

        Assert.False(await client.Containers.StartContainerAsync("abc", null));
        Assert.False(await client.Containers.StopContainerAsync("abc", new ContainerStopParameters()));
    }

    [Fact]
    public async Task A_container_is_removed_with_what_was_asked()
    {
        await using var engine = await LoopbackEngine.AnsweringAsync(204, "");
        using var client = Connect(engine);

        await client.Containers.RemoveContainerAsync("abc", new ContainerRemoveParameters { Force = true, RemoveVolumes = true });

        Assert.Equal(("DELETE", "/containers/abc", "?v=1&force=1"), (engine.Request.Method, engine.Request.Path, engine.Request.Query));
    }

    [Fact]
    public async Task A_kill_names_its_signal_and_a_wait_brings_the_exit_code()
    {
        await using var engine = await LoopbackEngine.AnsweringAsync(200, """{"StatusCode":137,"Error":null}""");
        using var client = Connect(engine);

        await client.Containers.KillContainerAsync("abc", new ContainerKillParameters { Signal = "TERM" });
        var ended = await client.Containers.WaitContainerAsync("abc");

        Assert.Equal(137, ended.StatusCode);
        Assert.Equal(["/containers/abc/kill?signal=TERM", "/containers/abc/wait"], engine.Requests.Select(r => r.Path + r.Query));
    }

    [Fact]
    public async Task An_inspection_brings_state_ports_and_labels()
    {
        await using var engine = await LoopbackEngine.AnsweringAsync(200, """
            {"Id":"abc","Name":"/one","Created":"2026-01-02T03:04:05.123456789Z","Image":"sha256:1",
             "State":{"Status":"exited","Running":false,"Pid":0,"ExitCode":137,"StartedAt":"2026-01-02T03:04:06.1Z","FinishedAt":"0001-01-01T00:00:00Z"},
             "Config":{"Image":"demo","Labels":{"k":"v"}},
             "HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]},"Memory":1024},
             "NetworkSettings":{"Ports":{"80/tcp":null}},"SomethingNew":{"deep":[1]}}
            """);
        using var client = Connect(engine);

        var inspected = await client.Containers.InspectContainerAsync("abc");

        Assert.Equal(("abc", "/one", "exited", 137L), (inspected.ID, inspected.Name, inspected.State.Status, inspected.State.ExitCode));
        Assert.Equal(("2026-01-02T03:04:06.1Z", "0001-01-01T00:00:00Z"), (inspected.State.StartedAt, inspected.State.FinishedAt));
        Assert.Equal(("demo", "v", 1024L), (inspected.Config.Image, inspected.Config.Labels["k"], inspected.HostConfig.Memory));
        Assert.Equal("8080", inspected.HostConfig.PortBindings["80/tcp"][0].HostPort);
        Assert.Null(inspected.NetworkSettings.Ports["80/tcp"]);
        Assert.Equal(new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc), inspected.Created, TimeSpan.FromSeconds(1));
    }

    [Theory]
    [InlineData(404, typeof(DockerContainerNotFoundException))]
    [InlineData(409, typeof(DockerApiException))]
    [InlineData(500, typeof(DockerApiException))]
    public async Task An_error_says_its_status_and_its_body(int status, Type kind)
    {
        await using var engine = await LoopbackEngine.AnsweringAsync(status, """{"message":"why"}""");
        using var client = Connect(engine);

        foreach (var call in new Func<Task>[]
        {
            () => client.Containers.InspectContainerAsync("abc"),
            () => client.Containers.StartContainerAsync("abc", new ContainerStartParameters()),
            () => client.Containers.StopContainerAsync("abc", new ContainerStopParameters()),
            () => client.Containers.KillContainerAsync("abc", new ContainerKillParameters()),
            () => client.Containers.RemoveContainerAsync("abc", new ContainerRemoveParameters()),
            () => client.Containers.WaitContainerAsync("abc"),
        })
        {
            var error = Assert.IsAssignableFrom<DockerApiException>(await Assert.ThrowsAsync(kind, call));
            Assert.Equal((HttpStatusCode)status, error.StatusCode);
            Assert.Equal("""{"message":"why"}""", error.ResponseBody);
            Assert.Contains("why", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_missing_image_has_an_error_of_its_own()
    {
        await using var engine = await LoopbackEngine.AnsweringAsync(404, """{"message":"No such image"}""");
        using var client = Connect(engine);

        await Assert.ThrowsAsync<DockerImageNotFoundException>(
            () => client.Containers.CreateContainerAsync(new CreateContainerParameters { Image = "none" }));
        await Assert.ThrowsAsync<DockerImageNotFoundException>(() => client.Images.InspectImageAsync("none"));
    }

    [Fact]
    public async Task A_call_without_its_subject_is_never_sent()
    {
        await using var engine = await LoopbackEngine.AnsweringAsync(200, "{}");
        using var client = Connect(engine);

        await Assert.ThrowsAsync<ArgumentNullException>(() => client.Containers.InspectContainerAsync(""));
        await Assert.ThrowsAsync<ArgumentNullException>(() => client.Containers.RemoveContainerAsync("abc", null));
        await Assert.ThrowsAsync<ArgumentNullException>(() => client.Containers.ListContainersAsync(null));
        Assert.Empty(engine.Requests);
    }

    private static DockerClient Connect(LoopbackEngine engine) => new DockerClientConfiguration(engine.Endpoint).CreateClient();

    private static JsonElement Parse(string json) => JsonDocument.Parse(json).RootElement;
}
