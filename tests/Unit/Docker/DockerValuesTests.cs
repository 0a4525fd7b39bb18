using Docker.DotNet.Models;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Docker;
using EnginePort = Docker.DotNet.Models.PortBinding;
using PortBinding = HostService.GrainInterfaces.PortBinding;

namespace HostService.Tests.Unit.Docker;

public sealed class DockerValuesTests
{
    [Theory]
    [InlineData("browsers/chrome", "a1", "browsers-chrome-a1")]
    [InlineData("x", "ä b", "x---b")]
    [InlineData("a_b.c-d", "9", "a_b.c-d-9")]
    public void A_containers_name_holds_only_what_the_engine_takes(string app, string id, string name) =>
        Assert.Equal(name, ContainerNames.Container(app, id));

    [Fact]
    public void A_deployed_image_comes_from_the_template() => Assert.Equal(
        "ghcr.io/fractal/staging/browsers/chrome:current-build",
        ContainerNames.Image(new DockerOptions().ImageTemplate, "STAGING", "browsers/chrome"));

    [Fact]
    public void Every_fault_of_the_options_is_named_at_once()
    {
        var faults = new DockerOptions
        {
            Endpoint = "docker",
            ImageTemplate = "x",
            ApiVersion = "new",
            CallTimeout = TimeSpan.Zero,
            ReconnectDelay = TimeSpan.FromMinutes(2),
            LogFileBytes = 0,
            LogFiles = 0,
        }.Validate();

        Assert.Equal(7, faults.Count());
        Assert.Empty(new DockerOptions().Validate());
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(-1, true)]
    [InlineData(0, false)]
    [InlineData(-2, false)]
    public void A_limit_of_processes_is_over_0_or_minus_1_for_none(long limit, bool valid)
    {
        var faults = new DockerOptions { PidsLimit = limit }.Validate().ToList();
        Assert.Equal(valid, faults.Count == 0);
        Assert.All(faults, fault => Assert.Contains("-1 for no limit", fault, StringComparison.Ordinal));
    }

    [Fact]
    public void A_mandelboxs_container_is_asked_for_as_B17_says()
    {
        var spec = new Infrastructure.Docker.ContainerSpec
        {
            Name = "one",
            Image = "demo",
            Tty = true,
            Ports = [new PortBinding(32262, Transport.Tcp, 4000), new PortBinding(32263, Transport.Udp, 4000)],
            Devices = ["/dev/fuse"],
            MemoryBytes = 6552550944,
            CpuShares = 2,
            ShmBytes = 2147483648,
        };
        var request = DockerRequests.Create(spec, new DockerOptions { PidsLimit = -1, LogFileBytes = 2048, LogFiles = 1 });

        Assert.True(request is { Tty: true, OpenStdin: true, AttachStdin: true, AttachStdout: true, AttachStderr: true });
        Assert.Equal(["32262/tcp", "32263/udp"], request.ExposedPorts.Keys);
        Assert.Equal("4000", Assert.Single(request.HostConfig.PortBindings["32263/udp"]).HostPort);
        Assert.Equal("rwm", Assert.Single(request.HostConfig.Devices).CgroupPermissions);
        Assert.Equal((-1, "local"), (request.HostConfig.PidsLimit, request.HostConfig.LogConfig.Type));
        Assert.Equal(["2048", "1", "false"], request.HostConfig.LogConfig.Config.Values);
        Assert.Equal((6552550944, 2, 2147483648), (request.HostConfig.Memory, request.HostConfig.CPUShares, request.HostConfig.ShmSize));
    }

    [Fact]
    public void Ports_of_a_running_container_are_the_live_ones_once_each()
    {
        var described = DockerAnswers.Describe(new ContainerInspectResponse
        {
            ID = "abc",
            Name = "/one",
            State = new ContainerState { Status = "running", Pid = 7, StartedAt = "2026-01-02T03:04:05.5Z", FinishedAt = "0001-01-01T00:00:00Z" },
            HostConfig = new HostConfig { PortBindings = Bound("80/tcp", "0") },
            NetworkSettings = new NetworkSettings { Ports = Bound("80/tcp", "32768", "32768") },
        });

        Assert.Equal([new PortBinding(80, Transport.Tcp, 32768)], described.Ports);
        Assert.Equal(("one", true, 7L), (described.Name, described.Running, described.Pid));
        Assert.Null(described.ExitCode);
    }

    [Fact]
    public void Ports_of_an_ended_container_are_those_that_it_was_created_with()
    {
        var described = DockerAnswers.Describe(new ContainerInspectResponse
        {
            ID = "abc",
            State = new ContainerState { Status = "exited", ExitCode = 137 },
            HostConfig = new HostConfig { PortBindings = Bound("80/tcp", "8080") },
            NetworkSettings = new NetworkSettings { Ports = new Dictionary<string, IList<EnginePort>> { ["80/tcp"] = null! } },
        });

        Assert.Equal([new PortBinding(80, Transport.Tcp, 8080)], described.Ports);
        Assert.Equal(137, described.ExitCode);
    }

    [Fact]
    public void The_memory_of_events_forgets_what_can_no_longer_come_again()
    {
        var memory = new EventDeduplicator(TimeSpan.FromSeconds(5));
        var first = At(0);
        Assert.True(memory.IsNew(first));
        Assert.False(memory.IsNew(first));
        Assert.True(memory.IsNew(first with { Action = "start" }));
        Assert.True(memory.IsNew(At(3)));
        Assert.Equal(At(3).At - TimeSpan.FromSeconds(5), memory.ResumeFrom);
        Assert.False(memory.IsNew(first));

        Assert.True(memory.IsNew(At(60)));

        Assert.Equal(At(55).At, memory.ResumeFrom);
        Assert.False(memory.IsNew(At(60)));
    }

    private static ContainerEvent At(int second) =>
        new("die", "abc", new Dictionary<string, string>(), null, DateTimeOffset.UnixEpoch.AddSeconds(1000 + second));

    private static Dictionary<string, IList<EnginePort>> Bound(string port, params string[] hostPorts) =>
        new() { [port] = [.. hostPorts.Select(p => new EnginePort { HostPort = p })] };
}
