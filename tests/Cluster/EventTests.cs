using HostService.GrainInterfaces;
using HostService.Grains.Host;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Cluster;

/// <summary>What happened on the host, as operators read it.</summary>
public sealed class EventTests
{
    private static readonly GpuDescription Gpu = new() { Index = 0, Name = "T4", Uuid = "GPU-0" };

    [Fact]
    public async Task A_mandelbox_is_told_of_from_its_request_to_its_end_in_order()
    {
        await using var cluster = await new HostCluster().StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        await cluster.DieAsync("m1", exitCode: 3);
        await cluster.Watcher.Until("m1", MandelboxState.Gone);

        var events = await cluster.Host.ListEvents(100, "m1");

        Assert.Equal(
            [
                MandelboxState.Allocated, MandelboxState.Leased, MandelboxState.Created, MandelboxState.Started, MandelboxState.Connecting,
                MandelboxState.Running, MandelboxState.Dying, MandelboxState.Gone,
            ],
            events.Select(e => e.State!.Value));
        Assert.Equal(events.Select(e => e.Sequence).Order(), events.Select(e => e.Sequence));
        var end = events[^2];
        Assert.Equal((EndCause.AppExited, EventSeverity.Warning), (end.Cause, end.Severity));
        Assert.EndsWith("its container ended with exit code 3", end.Text, StringComparison.Ordinal);
        Assert.All(events, e => Assert.Equal(HostEventKind.Mandelbox, e.Kind));
    }

    [Fact]
    public async Task A_report_that_is_no_move_is_no_event()
    {
        await using var cluster = await new HostCluster().StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var before = await cluster.Host.ListEvents(100);

        await cluster.Host.Report((await cluster.Mandelbox("m1").Describe())!);

        Assert.Equal(before, await cluster.Host.ListEvents(100));
    }

    [Fact]
    public async Task A_refusal_names_what_was_not_free_and_the_end_does_not_repeat_it()
    {
        await using var cluster = await new HostCluster { Gpus = [Gpu with { Unhealthy = "XID 79" }] }.StartAsync();
        Assert.NotNull((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        await cluster.Watcher.Until("m1", MandelboxState.Gone);

        var events = await cluster.Host.ListEvents(100, "m1");

        Assert.Equal(
            [HostEventKind.Mandelbox, HostEventKind.Refused, HostEventKind.Mandelbox, HostEventKind.Mandelbox], events.Select(e => e.Kind));
        Assert.Equal("no lease: no GPU is healthy: GPU 0: XID 79", events[1].Text);
        Assert.Matches("^its spin-up failed in step lease after [0-9.]+ m?s$", events[2].Text);
    }

    [Fact]
    public async Task A_failed_spin_up_is_told_with_its_step_and_reason()
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.Engine.FailNext(EngineCall.Create);
        Assert.NotNull((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        await cluster.Watcher.Until("m1", MandelboxState.Gone);

        var end = (await cluster.Host.ListEvents(100, "m1")).Single(e => e.State == MandelboxState.Dying);

        Assert.Matches("^its spin-up failed in step create after .+: Create fails because the test asked for it", end.Text);
        Assert.Equal("create", (await cluster.Host.ListEnded(1))[0].FailedStep);
    }

    [Fact]
    public async Task One_that_waits_is_told_with_its_place_and_what_is_missing()
    {
        await using var cluster = await new HostCluster
        {
            Gpus = [Gpu with { Unhealthy = "XID 79" }],
            Replace = services => services.Configure<QueueOptions>(o => (o.Capacity, o.Timeout) = (1, TimeSpan.FromMilliseconds(10))),
        }.StartAsync();

        Assert.NotNull((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);

        var waits = (await cluster.Host.ListEvents(100, "m1")).Single(e => e.Kind == HostEventKind.Queued);
        Assert.Equal("waits at place 1: no GPU is healthy: GPU 0: XID 79", waits.Text);
    }

    [Fact]
    public async Task The_hosts_status_a_cause_and_a_gpu_are_told_when_they_change_only()
    {
        await using var cluster = await new HostCluster { Gpus = [Gpu] }.StartAsync();

        await cluster.Host.SetNotReady("disk", "the disk is 91 % full");
        await cluster.Host.SetNotReady("disk", "the disk is 92 % full");
        await cluster.Host.SetNotReady("disk", null);
        await cluster.Host.SetNotReady("disk", null);
        await cluster.Host.ReportGpus([Gpu with { Unhealthy = "XID 79" }]);
        await cluster.Host.ReportGpus([Gpu with { Unhealthy = "XID 79" }]);
        await cluster.Host.ReportGpus([Gpu]);
        await cluster.Host.SetStatus(HostStatus.Draining, "an operator asked for it");
        await cluster.Host.SetStatus(HostStatus.Draining);
        await cluster.Host.SetStatus(HostStatus.Active);

        Assert.Equal(
            [
                (HostEventKind.Host, "the host takes spin-ups"),
                (HostEventKind.NotReady, "not ready: the disk is 91 % full"),
                (HostEventKind.Ready, "no longer: the disk is 92 % full"),
                (HostEventKind.Gpu, "GPU 0 is out of service: XID 79"),
                (HostEventKind.NotReady, "not ready: every GPU is out of service: GPU 0: XID 79"),
                (HostEventKind.Gpu, "GPU 0 is back in service; it was out because XID 79"),
                (HostEventKind.Ready, "no longer: every GPU is out of service: GPU 0: XID 79"),
                (HostEventKind.Host,
                    "the host drains: it takes no new mandelboxes, and waits for those that are there (an operator asked for it)"),
                (HostEventKind.Host, "the drain is cancelled: the host takes spin-ups again"),
            ],
            (await cluster.Host.ListEvents(100)).Select(e => (e.Kind, e.Text)));
    }

    [Fact]
    public async Task A_difference_is_told_when_it_is_found_and_when_it_is_in_order_again()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var lost = new Difference(DifferenceKind.Lease, "m1", "lease-1", "belongs to no mandelbox", DateTimeOffset.UnixEpoch);

        await cluster.Host.ReportDifferences([lost]);
        await cluster.Host.ReportDifferences([lost]);
        Assert.Equal(1, (await cluster.Host.Describe()).Leaks);
        await cluster.Host.ReportDifferences([]);

        Assert.Equal(0, (await cluster.Host.Describe()).Leaks);
        Assert.Equal(
            [(EventSeverity.Warning, "lease lease-1 belongs to no mandelbox"), (EventSeverity.Information, "lease lease-1 is in order again")],
            (await cluster.Host.ListEvents(100, "m1")).Select(e => (e.Severity, e.Text)));
    }

    [Fact]
    public async Task Whoever_waits_for_an_event_gets_it_and_holds_up_nobody()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var known = (await cluster.Host.ListEvents(1))[^1].Sequence;
        var reading = cluster.Host.ReadEvents(known, 10);
        Assert.Equal(HostStatus.Active, (await cluster.Host.Describe()).Status);
        Assert.False(reading.IsCompleted);

        await cluster.Host.SetNotReady("disk", "the disk is full");

        Assert.Equal("not ready: the disk is full", Assert.Single(await reading.WaitAsync(TimeSpan.FromSeconds(10))).Text);
    }

    [Fact]
    public async Task A_wait_that_nobody_wants_any_longer_ends()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var known = (await cluster.Host.ListEvents(1))[^1].Sequence;
        using var left = new CancellationTokenSource();
        var reading = cluster.Host.ReadEvents(known, 10, left.Token);
        await cluster.Host.Describe();

        await left.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.WaitAsync(TimeSpan.FromSeconds(10)));
    }
}
