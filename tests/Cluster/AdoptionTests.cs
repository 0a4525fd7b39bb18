using HostService.GrainInterfaces;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;

namespace HostService.Tests.Cluster;

/// <summary>B29: containers that the ECS agent makes.</summary>
public sealed class AdoptionTests
{
    private const int HostPort = 23456;
    private static readonly PortBinding Control = new(MandelboxPorts.Control, Transport.Tcp, HostPort);

    [Fact]
    public async Task A_registered_container_is_adopted_when_it_starts_and_ready_when_its_dpi_arrives()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var container = await cluster.MakeForeignAsync("ecs-task", Control);
        Assert.Null(await cluster.Mandelbox("m1").RegisterContainer(container));
        Assert.Equal(0, (await cluster.Host.Describe()).Ttys.Used);

        await cluster.StartForeignAsync(container);
        var mandelbox = (await cluster.Mandelbox("m1").Describe())!;
        Assert.Equal((MandelboxState.Started, true, container), (mandelbox.State, mandelbox.Adopted, mandelbox.ContainerId));
        Assert.Equal([("hostPort_for_my_32262_tcp", $"{HostPort}"), ("tty", $"{mandelbox.Lease!.Tty}")], Mappings(cluster, "m1"));
        Assert.Equal("m1", await cluster.Host.FindByHostPort(HostPort, Transport.Tcp));

        Assert.Null(await cluster.Mandelbox("m1").SetDpi(192));
        Assert.Equal(
            [(".ready", ".ready"), ("DPI", "192"), ("hostPort_for_my_32262_tcp", $"{HostPort}"), ("tty", $"{mandelbox.Lease.Tty}")],
            Mappings(cluster, "m1"));
        Assert.Equal(MandelboxState.Running, (await cluster.Mandelbox("m1").Describe())!.State);

        await cluster.DieForeignAsync(container);
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.AssertNothingIsHeldAsync();
        Assert.Empty(cluster.Database.History);
    }

    [Fact]
    public async Task Its_container_stays_for_the_agent_when_the_mandelbox_has_gone()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var container = await cluster.MakeForeignAsync("ecs-task", Control);
        await cluster.Mandelbox("m1").RegisterContainer(container);
        await cluster.StartForeignAsync(container);

        Assert.True(await cluster.Mandelbox("m1").Stop("test"));
        await cluster.AssertNothingIsHeldAsync();
        Assert.Equal((container, false), (Assert.Single(cluster.Engine.Containers).Id, cluster.Engine.Containers[0].Running));
        Assert.Equal(0, cluster.Engine.CallsOf(EngineCall.Remove));
    }

    [Fact]
    public async Task A_container_that_the_agent_has_not_removed_in_time_is_removed()
    {
        await using var cluster = await new HostCluster { Configure = o => o.AgentCleanUpTimeout = TimeSpan.FromMilliseconds(1) }.StartAsync();
        var container = await cluster.MakeForeignAsync("ecs-task", Control);
        await cluster.Mandelbox("m1").RegisterContainer(container);
        await cluster.StartForeignAsync(container);

        await cluster.DieForeignAsync(container);
        await cluster.Engine.Until(e => e.Containers.Count == 0).WaitAsync(TimeSpan.FromSeconds(30));
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
    }

    [Fact]
    public async Task A_container_that_started_before_its_registration_is_adopted_even_by_its_short_id()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var container = await cluster.MakeForeignAsync("ecs-task", Control);
        await cluster.StartForeignAsync(container);
        Assert.Empty(await cluster.Host.ListMandelboxes());

        // The fake engine finds a container by its name as dockerd does by a short id.
        Assert.Null(await cluster.Mandelbox("m1").RegisterContainer("ecs-task"));
        Assert.Equal(container, (await cluster.Mandelbox("m1").Describe())!.ContainerId);
        await cluster.DieForeignAsync(container);
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task However_often_its_start_is_reported_it_gets_one_lease()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var container = await cluster.MakeForeignAsync("ecs-task", Control);
        await cluster.Mandelbox("m1").RegisterContainer(container);
        await Task.WhenAll(
            Enumerable.Range(0, 5).Select(_ => cluster.StartForeignAsync(container))
                .Append(cluster.Mandelbox("m1").RegisterContainer(container)));
        Assert.Equal((1, 1), ((await cluster.Host.Describe()).Ttys.Used, (await cluster.Host.Describe()).TcpPorts.Used));
        Assert.True(await cluster.Mandelbox("m1").Stop("test"));
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task Devices_are_created_once_ahead_of_the_container_and_removed_with_it()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => cluster.Mandelbox("m1").CreateInputDevices()));
        Assert.All(answers, a => Assert.Equal(answers[0].Devices!, a.Devices!));
        Assert.Equal(3, answers[0].Devices!.Count);
        Assert.All(answers[0].Devices!, d => Assert.Equal((d.PathOnHost, "rwm"), (d.PathInContainer, d.CgroupPermissions)));
        Assert.Equal(1, cluster.Input.Open);
        Assert.Equal("m1", Assert.Single(await cluster.Host.ListMandelboxes()).MandelboxId);

        var container = await cluster.MakeForeignAsync("ecs-task", Control);
        Assert.Null(await cluster.Mandelbox("m1").RegisterContainer(container));
        await cluster.StartForeignAsync(container);
        Assert.Equal(1, cluster.Input.Open);
        await cluster.DieForeignAsync(container);
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task In_a_deployed_environment_devices_that_cannot_be_created_are_refused_and_leave_nothing()
    {
        await using var cluster = await new HostCluster { Environment = HostEnvironment.Dev }.StartAsync();
        cluster.Input.Unavailable = "the kernel has no uinput";
        Assert.Contains("the kernel has no uinput", (await cluster.Mandelbox("m1").CreateInputDevices()).Refusal, StringComparison.Ordinal);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task A_mandelbox_whose_container_never_comes_is_ended()
    {
        await using var cluster = await new HostCluster { Configure = o => o.AdoptionTimeout = TimeSpan.FromMilliseconds(50) }.StartAsync();
        Assert.NotNull((await cluster.Mandelbox("m1").CreateInputDevices()).Devices);
        Assert.Null(await cluster.Mandelbox("m2").RegisterContainer(new string('a', 64)));
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.Watcher.Until("m2", MandelboxState.Gone);
        await cluster.AssertNothingIsHeldAsync();
        Assert.Null(await cluster.Host.FindByContainer(new string('a', 64)));
    }

    [Fact]
    public async Task A_mandelbox_that_waits_for_its_container_can_be_stopped()
    {
        await using var cluster = await new HostCluster().StartAsync();
        Assert.NotNull((await cluster.Mandelbox("m1").CreateInputDevices()).Devices);
        Assert.True(await cluster.Mandelbox("m1").Stop("the host is shutting down"));
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task Containers_that_nobody_registered_are_left_alone()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var foreign = await cluster.MakeForeignAsync("somebody-elses", Control);
        await cluster.StartForeignAsync(foreign);
        await cluster.Events.ReconcileAsync(CancellationToken.None);
        await cluster.DieForeignAsync(foreign);
        Assert.Empty(cluster.Watcher.Seen);
        Assert.Equal("somebody-elses", Assert.Single(cluster.Engine.Containers).Name);
    }

    [Fact]
    public async Task A_container_without_the_mandelbox_port_is_refused_and_left_alone()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var container = await cluster.MakeForeignAsync("ecs-task", new PortBinding(80, Transport.Tcp, HostPort));
        await cluster.StartForeignAsync(container);
        Assert.Contains("does not publish 32262/tcp", await cluster.Mandelbox("m1").RegisterContainer(container), StringComparison.Ordinal);
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        Assert.True(Assert.Single(cluster.Engine.Containers).Running);
        Assert.Equal(0, (await cluster.Host.Describe()).Ttys.Used);
    }

    [Fact]
    public async Task One_container_belongs_to_one_mandelbox_and_the_other_way_round()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var first = await cluster.MakeForeignAsync("first", Control);
        var second = await cluster.MakeForeignAsync("second", Control with { HostPort = HostPort + 1 });
        Assert.Null(await cluster.Mandelbox("m1").RegisterContainer(first));
        Assert.Contains("another container", await cluster.Mandelbox("m1").RegisterContainer(second), StringComparison.Ordinal);
        Assert.Contains("registered for mandelbox m1", await cluster.Mandelbox("m2").RegisterContainer(first), StringComparison.Ordinal);
        Assert.Equal("m1", Assert.Single(await cluster.Host.ListMandelboxes()).MandelboxId);

        await cluster.StartForeignAsync(second);
        Assert.Equal(MandelboxState.Allocated, (await cluster.Mandelbox("m1").Describe())!.State);
        Assert.NotNull((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        await cluster.Mandelbox("m1").Stop("the test ends");
    }

    [Fact]
    public async Task A_dpi_before_the_container_runs_is_refused()
    {
        await using var cluster = await new HostCluster().StartAsync();
        Assert.Contains("no mandelbox", await cluster.Mandelbox("m1").SetDpi(96), StringComparison.Ordinal);
        await cluster.Mandelbox("m1").RegisterContainer(new string('b', 64));
        Assert.Contains("no running container", await cluster.Mandelbox("m1").SetDpi(96), StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(cluster.Root, "m1")));
        await cluster.Mandelbox("m1").Stop("the test ends");
    }

    [Fact]
    public async Task An_unreachable_engine_is_a_reason_and_the_agent_may_register_again()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var container = await cluster.MakeForeignAsync("ecs-task", Control);
        cluster.Engine.FailNext(EngineCall.Inspect, EngineFailure.Unreachable);
        Assert.NotNull(await cluster.Mandelbox("m1").RegisterContainer(container));
        Assert.Null(await cluster.Mandelbox("m1").RegisterContainer(container));
        await cluster.StartForeignAsync(container);
        Assert.Equal(MandelboxState.Started, (await cluster.Mandelbox("m1").Describe())!.State);
    }

    [Fact]
    public async Task An_adoption_that_the_engine_failed_can_be_retried()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var container = await cluster.MakeForeignAsync("ecs-task", Control);
        Assert.Null(await cluster.Mandelbox("m1").RegisterContainer(container));
        cluster.Engine.FailNext(EngineCall.Inspect, EngineFailure.Unreachable);
        await cluster.StartForeignAsync(container);
        Assert.Equal(MandelboxState.Allocated, (await cluster.Mandelbox("m1").Describe())!.State);
        Assert.Contains("no running container", await cluster.Mandelbox("m1").SetDpi(96), StringComparison.Ordinal);

        Assert.Null(await cluster.Mandelbox("m1").RegisterContainer(container));
        Assert.Null(await cluster.Mandelbox("m1").SetDpi(96));
        await cluster.DieForeignAsync(container);
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.AssertNothingIsHeldAsync();
    }

    private static List<(string Name, string Content)> Mappings(HostCluster cluster, string id) =>
        [.. Directory.EnumerateFiles(Path.Combine(cluster.Root, id, "containerResourceMappings"))
            .Order(StringComparer.Ordinal).Select(file => (Path.GetFileName(file), File.ReadAllText(file)))];
}
