using HostService.GrainInterfaces;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Input;
using HostService.Tests.Support;

namespace HostService.Tests.Cluster;

/// <summary>B29 with failures and events in another order: a registered container stays known, and nothing leaks.</summary>
public sealed class AdoptionFaultTests
{
    private const int HostPort = 23457;
    private static readonly PortBinding Control = new(MandelboxPorts.Control, Transport.Tcp, HostPort);
    private static readonly GpuDescription Gpu = new() { Index = 0, Name = "T4", Uuid = "GPU-0" };

    [Fact]
    public async Task Without_uinput_a_local_container_is_adopted_without_devices_and_with_a_warning()
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.Input.Unavailable = "the kernel has no uinput";
        var container = await cluster.MakeForeignAsync("ecs-task", Control);
        Assert.Null(await cluster.Mandelbox("m1").RegisterContainer(container));
        Assert.Empty((await cluster.Mandelbox("m1").CreateInputDevices()).Devices!);
        await cluster.StartForeignAsync(container);

        var mandelbox = (await cluster.Mandelbox("m1").Describe())!;
        Assert.Equal(MandelboxState.Started, mandelbox.State);
        Assert.Contains("the kernel has no uinput", Assert.Single(mandelbox.Warnings), StringComparison.Ordinal);
        await EndAsync(cluster, container);
    }

    [Fact]
    public async Task Without_uinput_a_deployed_host_refuses_the_devices_and_still_adopts_the_registered_container()
    {
        await using var cluster = await new HostCluster { Environment = HostEnvironment.Dev, Gpus = [Gpu] }.StartAsync();
        cluster.Input.Unavailable = "the kernel has no uinput";
        var container = await cluster.MakeForeignAsync("ecs-task", Control);
        Assert.Null(await cluster.Mandelbox("m1").RegisterContainer(container));
        Assert.Contains("the kernel has no uinput", (await cluster.Mandelbox("m1").CreateInputDevices()).Refusal, StringComparison.Ordinal);
        Assert.Equal(container, (await cluster.Mandelbox("m1").Describe())!.ExpectedContainerId);

        await cluster.StartForeignAsync(container);
        Assert.Equal(MandelboxState.Started, (await cluster.Mandelbox("m1").Describe())!.State);
        await EndAsync(cluster, container);
    }

    [Fact]
    public async Task After_a_failure_the_agent_may_request_devices_again()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var container = await cluster.MakeForeignAsync("ecs-task", Control);
        Assert.Null(await cluster.Mandelbox("m1").RegisterContainer(container));
        cluster.Input.Create.FailNext(1, () => new InputDeviceException("not just now"));
        Assert.Contains("not just now", (await cluster.Mandelbox("m1").CreateInputDevices()).Refusal, StringComparison.Ordinal);

        Assert.Equal(3, (await cluster.Mandelbox("m1").CreateInputDevices()).Devices!.Count);
        await cluster.StartForeignAsync(container);
        Assert.Equal((1, MandelboxState.Started), (cluster.Input.Open, (await cluster.Mandelbox("m1").Describe())!.State));
        await EndAsync(cluster, container);
    }

    [Fact]
    public async Task A_container_that_starts_during_its_registration_is_adopted()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var container = await cluster.MakeForeignAsync("ecs-task", Control);
        cluster.Engine.BeforeAnswerOf(EngineCall.Inspect, () => cluster.StartForeignAsync(container));

        Assert.Null(await cluster.Mandelbox("m1").RegisterContainer(container));
        var mandelbox = (await cluster.Mandelbox("m1").Describe())!;
        Assert.Equal((MandelboxState.Started, container), (mandelbox.State, mandelbox.ContainerId));
        await EndAsync(cluster, container);
    }

    [Fact]
    public async Task A_container_that_started_and_ended_before_its_registration_is_refused_and_removed()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var container = await cluster.MakeForeignAsync("ecs-task", Control);
        cluster.Engine.BeforeAnswerOf(EngineCall.Inspect, async () =>
        {
            await cluster.StartForeignAsync(container);
            await cluster.DieForeignAsync(container);
        });

        Assert.Contains("has ended already", await cluster.Mandelbox("m1").RegisterContainer(container), StringComparison.Ordinal);
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.AssertNothingIsHeldAsync();
        Assert.Null(await cluster.Host.FindByContainer(container));
    }

    [Fact]
    public async Task A_registered_container_that_dies_before_it_is_adopted_ends_its_mandelbox()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var container = await cluster.MakeForeignAsync("ecs-task", Control);
        Assert.NotNull((await cluster.Mandelbox("m1").CreateInputDevices()).Devices);
        Assert.Null(await cluster.Mandelbox("m1").RegisterContainer(container));
        await cluster.Engine.StartAsync(container, CancellationToken.None);

        await cluster.DieForeignAsync(container);
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task A_registered_container_that_is_found_dead_at_its_start_event_ends_its_mandelbox()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var container = await cluster.MakeForeignAsync("ecs-task", Control);
        Assert.Null(await cluster.Mandelbox("m1").RegisterContainer(container));
        cluster.Engine.ExitsAtOnceWith = 1;
        await cluster.StartForeignAsync(container);

        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_container_that_could_not_be_inspected_at_its_start_is_inspected_after_the_next_connect(bool hasEnded)
    {
        await using var cluster = await new HostCluster().StartAsync();
        var container = await cluster.MakeForeignAsync("ecs-task", Control);
        Assert.Null(await cluster.Mandelbox("m1").RegisterContainer(container));
        cluster.Engine.FailNext(EngineCall.Inspect, EngineFailure.Unreachable);
        await cluster.StartForeignAsync(container);
        Assert.Equal(MandelboxState.Allocated, (await cluster.Mandelbox("m1").Describe())!.State);
        if (hasEnded)
        {
            cluster.Engine.Die(container);
        }

        await cluster.Events.ReconcileAsync(CancellationToken.None);
        await cluster.Events.WhenIdleAsync();
        if (!hasEnded)
        {
            Assert.Equal(MandelboxState.Started, (await cluster.Mandelbox("m1").Describe())!.State);
            await cluster.DieForeignAsync(container);
        }

        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task A_full_host_leaves_the_container_to_its_creator_and_keeps_its_devices_until_it_has_ended()
    {
        await using var cluster = await new HostCluster
        {
            Environment = HostEnvironment.Dev,
            Gpus = [Gpu with { Unhealthy = "it fell off the bus" }],
        }.StartAsync();
        var container = await cluster.MakeForeignAsync("ecs-task", Control);
        Assert.NotNull((await cluster.Mandelbox("m1").CreateInputDevices()).Devices);
        await cluster.StartForeignAsync(container);

        var refusal = await cluster.Mandelbox("m1").RegisterContainer(container);
        Assert.Contains("it fell off the bus", refusal, StringComparison.Ordinal);
        Assert.EndsWith("; the container is left to its creator", refusal, StringComparison.Ordinal);
        Assert.True(Assert.Single(cluster.Engine.Containers).Running);

        // The kernel gives the numbers of removed devices again: another user's input would be in this container.
        Assert.Equal((MandelboxState.Dying, 1), ((await cluster.Mandelbox("m1").Describe())!.State, cluster.Input.Open));

        await cluster.DieForeignAsync(container);
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        Assert.Null(await cluster.Host.FindByContainer(container));
        await cluster.Engine.RemoveAsync(container, CancellationToken.None);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task Concurrent_DPIs_make_it_ready_once()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var container = await cluster.MakeForeignAsync("ecs-task", Control);
        Assert.Null(await cluster.Mandelbox("m1").RegisterContainer(container));
        await cluster.StartForeignAsync(container);

        Assert.All(await Task.WhenAll(Enumerable.Range(1, 4).Select(i => cluster.Mandelbox("m1").SetDpi(96 * i))), Assert.Null);
        Assert.Single(cluster.Watcher.Seen, s => s is { MandelboxId: "m1", State: MandelboxState.Connecting });
        await EndAsync(cluster, container);
    }

    [Theory]
    [InlineData(true, "ended before its DPI was set")]
    [InlineData(false, "has no running container yet: Inspect fails")]
    public async Task A_DPI_that_waits_for_an_adoption_is_told_why_there_is_none(bool isStopped, string expected)
    {
        await using var cluster = await new HostCluster().StartAsync();
        var container = await cluster.MakeForeignAsync("ecs-task", Control);
        Assert.Null(await cluster.Mandelbox("m1").RegisterContainer(container));
        cluster.Engine.FailNext(EngineCall.Inspect, EngineFailure.Unreachable, times: isStopped ? 0 : 1);
        var held = cluster.Engine.Hold(EngineCall.Inspect);
        var started = cluster.StartForeignAsync(container);
        await held.Entered;
        var dpi = cluster.Mandelbox("m1").SetDpi(96);

        // Served after it: by now it waits.
        await cluster.Mandelbox("m1").Describe();
        var stopped = isStopped ? cluster.Mandelbox("m1").Stop("the test says so") : Task.FromResult(true);
        if (!isStopped)
        {
            held.Release();
        }

        Assert.Contains(expected, await dpi.WaitAsync(TimeSpan.FromSeconds(30)), StringComparison.Ordinal);
        held.Release();
        await started;
        await stopped;
        await EndAsync(cluster, container);
    }

    private static async Task EndAsync(HostCluster cluster, string container)
    {
        await cluster.DieForeignAsync(container);
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.AssertNothingIsHeldAsync();
    }
}
