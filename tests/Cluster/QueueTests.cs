using System.Diagnostics;
using HostService.GrainInterfaces;
using HostService.Grains.Host;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Cluster;

/// <summary>Spin-ups that wait because nothing is free. The host has one GPU, and so two slots.</summary>
public sealed class QueueTests : IAsyncLifetime
{
    private readonly HostCluster _cluster;
    private QueueOptions _options = new() { Capacity = 2, Timeout = TimeSpan.FromMinutes(1) };

    public QueueTests() => _cluster = new HostCluster
    {
        Gpus = [new GpuDescription { Index = 0, Name = "T4", Uuid = "GPU-0" }],
        Replace = services => services.Configure<QueueOptions>(o => (o.Capacity, o.Timeout) = (_options.Capacity, _options.Timeout)),
    };

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await Task.WhenAll((await _cluster.Host.ListMandelboxes()).Select(m => _cluster.Mandelbox(m.MandelboxId).Stop("test")));
        await _cluster.AssertNothingIsHeldAsync();
        Assert.Empty((await _cluster.Host.Describe()).Queue);
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task They_get_what_becomes_free_first_come_first_served_and_their_place_can_be_seen()
    {
        await FillAsync();
        var third = await QueueAsync("m3");
        var fourth = await QueueAsync("m4");
        Assert.Equal(["m3", "m4"], (await _cluster.Host.Describe()).Queue);
        Assert.Equal(2, (await _cluster.Mandelbox("m4").Describe())!.QueuePlace);
        Assert.Equal([null, null, 1, 2], (await _cluster.Host.ListMandelboxes()).OrderBy(m => m.MandelboxId).Select(m => m.QueuePlace));

        await _cluster.Mandelbox("m1").Stop("test");
        Assert.Null((await third).Failure);
        Assert.False(fourth.IsCompleted);
        Assert.Equal(1, (await _cluster.Mandelbox("m4").Describe())!.QueuePlace);
        Assert.Null((await _cluster.Mandelbox("m3").Describe())!.QueuePlace);

        await _cluster.Mandelbox("m2").Stop("test");
        Assert.Null((await fourth).Failure);
    }

    [Fact]
    public async Task When_the_queue_is_full_the_next_is_refused_at_once()
    {
        await FillAsync();
        await QueueAsync("m3");
        await QueueAsync("m4");

        var answer = await _cluster.Mandelbox("m5").SpinUp(HostCluster.Request("m5"));

        Assert.Equal("lease", answer.Failure!.Phase);
        Assert.Contains("GPU", answer.Failure.Reason, StringComparison.Ordinal);
        Assert.Equal(["m3", "m4"], (await _cluster.Host.Describe()).Queue);
    }

    [Fact]
    public async Task One_that_waited_for_too_long_is_refused_with_the_reason()
    {
        _options = new QueueOptions { Capacity = 1, Timeout = TimeSpan.FromMilliseconds(20) };
        await FillAsync();

        var answer = await _cluster.Mandelbox("m3").SpinUp(HostCluster.Request("m3"));

        Assert.Contains("GPU", answer.Failure!.Reason, StringComparison.Ordinal);
        Assert.EndsWith("it waited 0 s in the queue", answer.Failure.Reason, StringComparison.Ordinal);
        await _cluster.Watcher.Until("m3", MandelboxState.Gone);
    }

    [Fact]
    public async Task A_caller_that_hangs_up_leaves_it_unless_another_waits_for_the_same_mandelbox()
    {
        await FillAsync();
        var first = await QueueAsync("m3");
        var second = _cluster.Mandelbox("m3").SpinUp(HostCluster.Request("m3"));
        var other = await QueueAsync("m4");

        await _cluster.Mandelbox("m3").CallerLeft();
        Assert.Equal(1, (await _cluster.Mandelbox("m3").Describe())!.QueuePlace);

        await _cluster.Mandelbox("m3").CallerLeft();
        Assert.NotNull((await first).Failure);
        Assert.NotNull((await second).Failure);
        await _cluster.Watcher.Until("m3", MandelboxState.Gone);
        Assert.Equal(EndCause.UserLeft, (await _cluster.Host.ListEnded(1))[0].EndCause);
        Assert.Equal(["m4"], (await _cluster.Host.Describe()).Queue);
        Assert.False(other.IsCompleted);
    }

    [Fact]
    public async Task A_caller_that_hangs_up_ends_no_mandelbox_that_does_not_wait()
    {
        await FillAsync();

        await _cluster.Mandelbox("m1").CallerLeft();
        await _cluster.Mandelbox("unknown").CallerLeft();

        Assert.Equal(MandelboxState.Running, (await _cluster.Mandelbox("m1").Describe())!.State);
    }

    [Fact]
    public async Task One_that_is_stopped_waits_no_more_and_the_next_moves_up()
    {
        await FillAsync();
        var third = await QueueAsync("m3");
        await QueueAsync("m4");

        Assert.True(await _cluster.Mandelbox("m3").Stop("test"));

        Assert.NotNull((await third).Failure);
        Assert.Equal(["m4"], (await _cluster.Host.Describe()).Queue);
    }

    [Fact]
    public async Task A_host_that_closes_refuses_those_that_wait()
    {
        await FillAsync();
        var third = await QueueAsync("m3");

        await _cluster.Host.SetStatus(HostStatus.Closed);

        Assert.Contains("shutting down", (await third).Failure!.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_gpu_that_becomes_healthy_serves_those_that_wait()
    {
        await FillAsync();
        var gpu = (await _cluster.Host.Describe()).Gpus[0];
        await _cluster.Host.ReportGpus([gpu with { Unhealthy = "it is too hot" }]);
        await _cluster.Mandelbox("m1").Stop("test");
        var third = await QueueAsync("m3");

        await _cluster.Host.ReportGpus([gpu]);

        Assert.Null((await third).Failure);
    }

    [Fact]
    public async Task Without_a_queue_a_spin_up_for_which_nothing_is_free_is_refused_at_once()
    {
        _options = new QueueOptions();
        await FillAsync();

        Assert.Equal("lease", (await _cluster.Mandelbox("m3").SpinUp(HostCluster.Request("m3"))).Failure!.Phase);
    }

    private async Task FillAsync()
    {
        await _cluster.StartAsync();
        foreach (var id in new[] { "m1", "m2" })
        {
            Assert.Null((await _cluster.Mandelbox(id).SpinUp(HostCluster.Request(id))).Failure);
        }
    }

    /// <summary>Begins a spin-up; returns it once it waits.</summary>
    private async Task<Task<SpinUpAnswer>> QueueAsync(string id)
    {
        var answer = _cluster.Mandelbox(id).SpinUp(HostCluster.Request(id));
        var begun = Stopwatch.GetTimestamp();
        while (await _cluster.Host.QueuePlace(id) is null)
        {
            Assert.True(Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(30), $"{id} does not wait");
            await Task.Yield();
        }

        return answer;
    }
}
