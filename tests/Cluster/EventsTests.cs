using HostService.GrainInterfaces;
using HostService.Grains.Host;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace HostService.Tests.Cluster;

/// <summary>One mandelbox's event, or its part of a comparison, never holds up the others' (B9, B19, B20).</summary>
public sealed class EventsTests
{
    private readonly RecordingLogger<ContainerEventDispatcher> _log = new();

    [Fact]
    public async Task A_stray_container_that_the_engine_is_slow_to_remove_holds_up_no_other_event()
    {
        await using var cluster = await StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var stray = await MakeStrayAsync(cluster);
        using var held = cluster.Engine.Hold(EngineCall.Remove);

        await OnEventAsync(cluster, "create", stray);
        await OnEventAsync(cluster, "start", stray);
        await cluster.Events.ReconcileAsync(CancellationToken.None);
        await held.Entered;
        await cluster.DieAsync("m1");
        await cluster.Watcher.Until("m1", MandelboxState.Dying);

        // However often it is told of, it is removed once at a time.
        Assert.Equal(1, cluster.Engine.Calls.Count(c => c == new RecordedEngineCall(EngineCall.Remove, stray)));
        held.Release();
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.Events.WhenDoneAsync();
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task A_stray_container_that_cannot_be_removed_is_told_once_and_found_again_by_the_next_comparison()
    {
        await using var cluster = await StartAsync();
        var stray = await MakeStrayAsync(cluster);
        cluster.Engine.FailNext(EngineCall.Remove);

        await OnEventAsync(cluster, "create", stray);
        await cluster.Events.WhenDoneAsync();
        Assert.Single(_log.Lines, l => l.StartsWith("Error", StringComparison.Ordinal) && l.Contains(stray, StringComparison.Ordinal));
        await cluster.Events.ReconcileAsync(CancellationToken.None);
        await cluster.Events.WhenDoneAsync();

        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task The_end_waits_for_a_removal_only_as_long_as_it_may_and_nothing_begins_after_it()
    {
        await using var cluster = await StartAsync();
        var stray = await MakeStrayAsync(cluster);
        using var held = cluster.Engine.Hold(EngineCall.Remove);
        await OnEventAsync(cluster, "create", stray);
        await held.Entered;
        using var late = new CancellationTokenSource();

        var end = cluster.Events.EndAsync(late.Token);
        Assert.False(end.IsCompleted);
        await late.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => end);
        await cluster.Events.WhenDoneAsync();
        await OnEventAsync(cluster, "create", stray);
        await cluster.Events.WhenDoneAsync();
        Assert.Equal(1, cluster.Engine.CallsOf(EngineCall.Remove));
    }

    [Fact]
    public async Task A_container_of_the_agents_that_is_slow_to_be_taken_over_holds_up_no_other_event()
    {
        await using var cluster = await StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var foreign = await cluster.MakeForeignAsync("ecs-task", new PortBinding(MandelboxPorts.Control, Transport.Tcp, 23456));
        Assert.Null(await cluster.Mandelbox("m2").RegisterContainer(foreign));
        await cluster.Engine.StartAsync(foreign, CancellationToken.None);
        using var held = cluster.Engine.Hold(EngineCall.Inspect);

        await OnEventAsync(cluster, "start", foreign);
        await held.Entered;
        await cluster.DieAsync("m1");
        await cluster.Watcher.Until("m1", MandelboxState.Gone);

        held.Release();
        await cluster.Events.WhenDoneAsync();
        Assert.Equal(MandelboxState.Started, (await cluster.Mandelbox("m2").Describe())!.State);
    }

    [Fact]
    public async Task A_mandelbox_that_cannot_be_compared_costs_the_others_nothing_and_is_told_of()
    {
        await using var cluster = await StartAsync();
        await Task.WhenAll(Enumerable.Range(1, 3).Select(i => cluster.Mandelbox($"m{i}").SpinUp(HostCluster.Request())));
        var stray = await MakeStrayAsync(cluster);
        cluster.Engine.Die("mandelboxes-demo-m2");
        cluster.Engine.Die("mandelboxes-demo-m3");
        cluster.Engine.FailNext(EngineCall.Inspect, () => new InvalidOperationException("the first one that is asked about"));

        var error = await Assert.ThrowsAsync<AggregateException>(() => cluster.Events.ReconcileAsync(CancellationToken.None));

        Assert.Equal("the first one that is asked about", Assert.Single(error.InnerExceptions).Message);
        await cluster.Events.WhenDoneAsync();
        Assert.DoesNotContain(cluster.Engine.Containers, c => c.Id == stray);
        await cluster.Events.ReconcileAsync(CancellationToken.None);
        await cluster.Watcher.Until("m2", MandelboxState.Gone);
        await cluster.Watcher.Until("m3", MandelboxState.Gone);
        Assert.Equal("m1", Assert.Single(await cluster.Host.ListMandelboxes()).MandelboxId);
    }

    [Theory]
    [InlineData(EngineCall.Inspect)]
    [InlineData(EngineCall.List)]
    public async Task An_engine_that_goes_away_during_the_comparison_is_told_as_such(EngineCall call)
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
            Labels = new Dictionary<string, string> { [ContainerLabels.Host] = HostCluster.InstanceName, [ContainerLabels.MandelboxId] = "nobody" },
        },
        CancellationToken.None);

    private static Task OnEventAsync(HostCluster cluster, string action, string containerId) => cluster.Events.OnEventAsync(
        new ContainerEvent(action, containerId, cluster.Engine.Containers.Single(c => c.Id == containerId).Labels, null, DateTimeOffset.UtcNow), CancellationToken.None);

    private Task<HostCluster> StartAsync() =>
        new HostCluster { Replace = services => services.AddSingleton<ILogger<ContainerEventDispatcher>>(_log) }.StartAsync();
}
