using HostService.GrainInterfaces;
using HostService.Grains.Host;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace HostService.Tests.Cluster;

/// <summary>No event and no comparison waits for that of another mandelbox (B9, B19, B20).</summary>
public sealed class ContainerEventTests
{
    private readonly RecordingLogger<ContainerEventDispatcher> _log = new();

    [Fact]
    public async Task A_slow_removal_of_a_stray_container_delays_no_other_event()
    {
        await using var cluster = await StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var stray = await MakeStrayAsync(cluster);
        using var held = cluster.Engine.Hold(EngineCall.Remove);

        await cluster.OnEventAsync("create", stray);
        await cluster.OnEventAsync("start", stray);
        await cluster.Events.ReconcileAsync(CancellationToken.None);
        await held.Entered;
        await cluster.DieAsync("m1");
        await cluster.Watcher.Until("m1", MandelboxState.Dying);

        // However often it is reported, one removal runs at a time.
        Assert.Equal(1, cluster.Engine.Calls.Count(c => c == new RecordedEngineCall(EngineCall.Remove, stray)));
        held.Release();
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.Events.WhenIdleAsync();
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task A_stray_container_that_cannot_be_removed_is_logged_once_and_removed_by_the_next_comparison()
    {
        await using var cluster = await StartAsync();
        var stray = await MakeStrayAsync(cluster);
        cluster.Engine.FailNext(EngineCall.Remove);

        await cluster.OnEventAsync("create", stray);
        await cluster.Events.WhenIdleAsync();
        Assert.Single(_log.Lines, l => l.StartsWith("Error", StringComparison.Ordinal) && l.Contains(stray, StringComparison.Ordinal));
        await cluster.Events.ReconcileAsync(CancellationToken.None);
        await cluster.Events.WhenIdleAsync();

        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task A_mandelbox_that_is_over_before_its_creation_is_handled_leaves_no_stray_container()
    {
        await using var cluster = await StartAsync();
        var gone = await MakeStrayAsync(cluster);
        var labels = Assert.Single(cluster.Engine.Containers).Labels;
        await cluster.Engine.RemoveAsync(gone, CancellationToken.None);

        await cluster.Events.OnEventAsync(
            new ContainerEvent("create", gone, labels, ExitCode: null, DateTimeOffset.UtcNow), CancellationToken.None);
        await cluster.Events.WhenIdleAsync();

        Assert.Equal(1, cluster.Engine.CallsOf(EngineCall.Remove));
        Assert.DoesNotContain(_log.Lines, line => line.Contains(gone, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Stopping_waits_for_a_removal_until_cancelled_and_nothing_begins_afterwards()
    {
        await using var cluster = await StartAsync();
        var stray = await MakeStrayAsync(cluster);
        using var held = cluster.Engine.Hold(EngineCall.Remove);
        await cluster.OnEventAsync("create", stray);
        await held.Entered;
        using var late = new CancellationTokenSource();

        var end = cluster.Events.EndAsync(late.Token);
        Assert.False(end.IsCompleted);
        await late.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => end);
        await cluster.Events.WhenIdleAsync();
        await cluster.OnEventAsync("create", stray);
        await cluster.Events.WhenIdleAsync();
        Assert.Equal(1, cluster.Engine.CallsOf(EngineCall.Remove));
    }

    [Fact]
    public async Task A_slow_adoption_delays_no_other_event()
    {
        await using var cluster = await StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var foreign = await cluster.MakeForeignAsync("ecs-task", new PortBinding(MandelboxPorts.Control, Transport.Tcp, 23456));
        Assert.Null(await cluster.Mandelbox("m2").RegisterContainer(foreign));
        await cluster.Engine.StartAsync(foreign, CancellationToken.None);
        using var held = cluster.Engine.Hold(EngineCall.Inspect);

        await cluster.OnEventAsync("start", foreign);
        await held.Entered;
        await cluster.DieAsync("m1");
        await cluster.Watcher.Until("m1", MandelboxState.Gone);

        held.Release();
        await cluster.Events.WhenIdleAsync();
        Assert.Equal(MandelboxState.Started, (await cluster.Mandelbox("m2").Describe())!.State);
    }

    [Fact]
    public async Task A_late_start_event_does_not_cut_the_grace_of_a_stop_short()
    {
        await using var cluster = await StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var container = Assert.Single(cluster.Engine.Containers).Id;
        using var grace = cluster.Engine.Hold(EngineCall.Stop);
        var stop = cluster.Mandelbox("m1").Stop("test");
        await grace.Entered;

        foreach (var action in new[] { "create", "start" })
        {
            await cluster.OnEventAsync(action, container);
        }

        await cluster.Events.ReconcileAsync(CancellationToken.None);
        await cluster.Events.WhenIdleAsync();
        Assert.True(Assert.Single(cluster.Engine.Containers).Running);

        grace.Release();
        Assert.True(await stop);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task The_row_of_a_mandelbox_that_outlived_its_run_goes_with_its_container()
    {
        await using var cluster = await StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var earlier = await MakeEarlierAsync(cluster, "earlier", HostCluster.InstanceName, "old");
        var ofOurId = await MakeEarlierAsync(cluster, "of-our-id", HostCluster.InstanceName, "m1");
        var another = await MakeEarlierAsync(cluster, "of-another-host", "another-host", "theirs");
        cluster.Database.Rows["old"] = cluster.Database.Rows["theirs"] = MandelboxStatus.Running;

        foreach (var container in new[] { earlier, ofOurId, another })
        {
            await cluster.OnEventAsync("die", container);
        }

        await cluster.Events.WhenIdleAsync();
        Assert.Equal(["m1", "theirs"], cluster.Database.Rows.Keys.Order());
    }

    [Fact]
    public async Task A_comparison_that_fails_is_reported_and_the_others_are_made()
    {
        await using var cluster = await StartAsync();
        await Task.WhenAll(Enumerable.Range(1, 3).Select(i => cluster.Mandelbox($"m{i}").SpinUp(HostCluster.Request())));
        var stray = await MakeStrayAsync(cluster);
        cluster.Engine.Die("mandelboxes-demo-m2");
        cluster.Engine.Die("mandelboxes-demo-m3");
        cluster.Engine.FailNext(EngineCall.Inspect, () => new InvalidOperationException("the first one that is asked about"));

        var error = await Assert.ThrowsAsync<AggregateException>(() => cluster.Events.ReconcileAsync(CancellationToken.None));

        Assert.Equal("the first one that is asked about", Assert.Single(error.InnerExceptions).Message);
        await cluster.Events.WhenIdleAsync();
        Assert.DoesNotContain(cluster.Engine.Containers, c => c.Id == stray);
        await cluster.Events.ReconcileAsync(CancellationToken.None);
        await cluster.Watcher.Until("m2", MandelboxState.Gone);
        await cluster.Watcher.Until("m3", MandelboxState.Gone);
        Assert.Equal("m1", Assert.Single(await cluster.Host.ListMandelboxes()).MandelboxId);
    }

    [Theory]
    [InlineData(EngineCall.Inspect)]
    [InlineData(EngineCall.List)]
    public async Task An_engine_that_becomes_unreachable_during_the_comparison_is_reported_as_unreachable(EngineCall call)
    {
        await using var cluster = await StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        cluster.Engine.FailNext(call, EngineFailure.Unreachable);

        var error = await Assert.ThrowsAsync<ContainerEngineException>(() => cluster.Events.ReconcileAsync(CancellationToken.None));

        Assert.Equal(EngineFailure.Unreachable, error.Failure);
    }

    private static Task<string> MakeStrayAsync(HostCluster cluster) => cluster.Engine.CreateAsync(
        new ContainerSpec
        {
            Name = "stray",
            Image = FakeContainerEngine.DemoImage,
            Labels = new Dictionary<string, string>
            {
                [ContainerLabels.Host] = HostCluster.InstanceName,
                [ContainerLabels.Run] = HostCluster.Run,
                [ContainerLabels.MandelboxId] = "nobody",
            },
        },
        CancellationToken.None);

    private static Task<string> MakeEarlierAsync(HostCluster cluster, string name, string host, string mandelboxId) =>
        cluster.Engine.CreateAsync(
            new ContainerSpec
            {
                Name = name,
                Image = FakeContainerEngine.DemoImage,
                Labels = new Dictionary<string, string>
                {
                    [ContainerLabels.Host] = host,
                    [ContainerLabels.Run] = "an earlier run",
                    [ContainerLabels.MandelboxId] = mandelboxId,
                },
            },
            CancellationToken.None);

    private Task<HostCluster> StartAsync() =>
        new HostCluster { Replace = services => services.AddSingleton<ILogger<ContainerEventDispatcher>>(_log) }.StartAsync();
}
