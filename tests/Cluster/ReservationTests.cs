using System.Diagnostics;
using HostService.GrainInterfaces;
using HostService.Grains.Host;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Metadata;

namespace HostService.Tests.Cluster;

/// <summary>Room that the fleet reserves before it places a mandelbox. The host has one GPU, and so two slots.</summary>
public sealed class ReservationTests : IAsyncLifetime
{
    private const string App = "mandelboxes/demo";
    private const string OtherApp = "browsers/chrome";

    private static readonly GpuDescription Gpu = new() { Index = 0, Name = "T4", Uuid = "GPU-0" };
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);

    private readonly ManualClock _clock = new();
    private HostCluster _cluster = null!;
    private HostEnvironment _environment = HostEnvironment.LocalDev;
    private HostStatus _status = HostStatus.Active;
    private int _queue;

    private IHostGrain Host => _cluster.Host;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        // Refuses those that wait: the end of the silo would wait for them.
        await Host.SetStatus(HostStatus.Closed);
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task Reserved_room_is_given_to_whom_it_is_reserved_for_and_to_nobody_else()
    {
        await StartAsync("m1");
        Assert.Null(await Host.Reserve("m2"));
        Assert.Equal((1, 0), await FiguresAsync());

        var refused = await AskAsync("m3");
        Assert.Contains("reserved", refused.Refusal, StringComparison.Ordinal);
        Assert.True(refused.IsFull);

        var lease = (await AskAsync("m2")).Lease;
        Assert.NotNull(lease);
        Assert.Equal((0, 0), await FiguresAsync());
        Assert.Equal(lease.Id, (await AskAsync("m2")).Lease!.Id);
    }

    [Fact]
    public async Task Who_holds_a_lease_gets_it_again_whatever_is_reserved()
    {
        await StartAsync("m1");
        Assert.Null(await Host.Reserve("m2"));

        Assert.NotNull((await AskAsync("m1")).Lease);
        Assert.Equal(1, (await Host.Describe()).Reserved);
    }

    [Fact]
    public async Task A_spin_up_uses_its_reservation()
    {
        await StartAsync("m1");
        Assert.Null(await Host.Reserve("m2"));

        Assert.Equal("lease", (await _cluster.Mandelbox("m3").SpinUp(HostCluster.Request("m3"))).Failure!.Phase);
        Assert.Null((await _cluster.Mandelbox("m2").SpinUp(HostCluster.Request("m2"))).Failure);

        Assert.Equal((0, 0), await FiguresAsync());
        await _cluster.Mandelbox("m2").Stop("test");
    }

    [Fact]
    public async Task Reservations_are_never_more_than_the_room_and_a_full_host_says_what_is_missing()
    {
        await StartAsync();
        Assert.Null(await Host.Reserve("m1"));
        Assert.Null(await Host.Reserve("m2"));
        Assert.Null(await Host.Reserve("m2"));
        Assert.Equal((2, 0), await FiguresAsync());
        Assert.Contains("reserved", await Host.Reserve("m3"), StringComparison.Ordinal);

        Assert.NotNull((await AskAsync("m1")).Lease);
        Assert.NotNull((await Answered(AskAsync("m2"))).Lease);
        Assert.Contains("all GPU slots are in use", await Host.Reserve("m3"), StringComparison.Ordinal);
        Assert.Contains("all GPU slots are in use", (await AskAsync("m3")).Refusal, StringComparison.Ordinal);
        Assert.Equal((0, 0), await FiguresAsync());
    }

    [Fact]
    public async Task One_that_is_repeated_lasts_from_then_on()
    {
        await StartAsync("m1");
        Assert.Null(await Host.Reserve("m2"));
        _clock.Advance(HostReservations.Lasting - Moment);
        Assert.Null(await Host.Reserve("m2"));

        _clock.Advance(HostReservations.Lasting - Moment);
        Assert.NotNull((await AskAsync("m3")).Refusal);

        _clock.Advance(Moment);
        Assert.Equal((0, 1), await FiguresAsync());
        Assert.NotNull((await AskAsync("m3")).Lease);
    }

    [Fact]
    public async Task A_placement_that_is_repeated_needs_no_room_where_the_mandelbox_has_its_lease()
    {
        await StartAsync("m1", "m2");
        Assert.Null(await Host.Reserve("m2"));
        Assert.Equal((0, 0), await FiguresAsync());

        await Host.SetStatus(HostStatus.Draining);
        Assert.Null(await Host.Reserve("m2"));
    }

    [Theory]
    [InlineData(HostStatus.Starting, "not ready yet")]
    [InlineData(HostStatus.Draining, "draining")]
    [InlineData(HostStatus.Closed, "shutting down")]
    public async Task A_host_that_is_not_active_refuses_the_fleet_also_where_it_takes_what_was_assigned(HostStatus status, string reason)
    {
        _environment = HostEnvironment.Dev;
        _status = status;
        await StartAsync();

        Assert.Contains(reason, await Host.Reserve("m1"), StringComparison.Ordinal);
        Assert.Equal((0, 2), await FiguresAsync());
    }

    [Fact]
    public async Task Who_has_reserved_gets_its_lease_within_the_grace_of_a_drain()
    {
        _environment = HostEnvironment.Dev;
        await StartAsync();
        Assert.Null(await Host.Reserve("m1"));
        await Host.SetStatus(HostStatus.Draining);

        Assert.NotNull((await AskAsync("m1")).Lease);
    }

    [Fact]
    public async Task A_host_that_is_not_ready_refuses_and_says_why()
    {
        await StartAsync();
        await Host.SetNotReady("engine", "the engine is away");
        Assert.Contains("the engine is away", await Host.Reserve("m1"), StringComparison.Ordinal);

        await Host.SetNotReady("engine", null);
        Assert.Null(await Host.Reserve("m1"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Those_that_wait_get_the_room_when_a_reservation_expires_or_is_cancelled(bool expires)
    {
        _queue = 2;
        await StartAsync("m1");
        Assert.Null(await Host.Reserve("m2"));
        var third = await QueueAsync("m3");

        if (expires)
        {
            _clock.Advance(HostReservations.Lasting - Moment);
            Assert.Equal(["m3"], (await Host.Describe()).Queue);
            _clock.Advance(Moment);
        }
        else
        {
            await Host.CancelReservation("m2");
        }

        Assert.NotNull((await Answered(third)).Lease);
        Assert.Equal((0, 0), await FiguresAsync());
    }

    [Fact]
    public async Task Those_that_wait_get_the_room_also_when_the_one_that_expires_is_not_the_first()
    {
        _queue = 2;
        await StartAsync();
        Assert.Null(await Host.Reserve("m1"));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(await Host.Reserve("m2"));
        var third = await QueueAsync("m3");
        var fourth = await QueueAsync("m4");

        _clock.Advance(HostReservations.Lasting - TimeSpan.FromSeconds(1));
        Assert.NotNull((await Answered(third)).Lease);
        await _clock.TimerSetAsync(TimeSpan.FromSeconds(1)).WaitAsync(Patience);
        Assert.Equal(["m4"], (await Host.Describe()).Queue);
        _clock.Advance(TimeSpan.FromSeconds(1));

        Assert.NotNull((await Answered(fourth)).Lease);
    }

    [Fact]
    public async Task A_cancel_of_what_was_not_reserved_does_nothing()
    {
        await StartAsync("m1");
        Assert.Null(await Host.Reserve("m2"));

        await Host.CancelReservation("m3");

        Assert.Equal((1, 0), await FiguresAsync());
    }

    [Fact]
    public async Task Those_that_wait_come_before_the_fleet_but_not_before_one_that_has_reserved()
    {
        _queue = 2;
        await StartAsync("m1");
        Assert.Null(await Host.Reserve("m2"));
        var third = await QueueAsync("m3");

        Assert.Contains("wait", await Host.Reserve("m4"), StringComparison.Ordinal);
        Assert.Null(await Host.Reserve("m2"));
        Assert.NotNull((await Answered(AskAsync("m2"))).Lease);
        Assert.False(third.IsCompleted);

        await EndAsync("m1");
        Assert.NotNull((await Answered(third)).Lease);
    }

    [Fact]
    public async Task What_others_release_goes_to_those_that_wait_and_the_reserved_room_stays()
    {
        _queue = 2;
        await StartAsync("m1");
        Assert.Null(await Host.Reserve("m2"));
        var third = await QueueAsync("m3");
        var fourth = await QueueAsync("m4");

        await EndAsync("m1");

        Assert.NotNull((await Answered(third)).Lease);
        Assert.False(fourth.IsCompleted);
        Assert.NotNull((await Answered(AskAsync("m2"))).Lease);
    }

    [Fact]
    public async Task One_that_has_reserved_and_finds_no_gpu_healthy_is_served_before_those_that_came_earlier()
    {
        _queue = 2;
        await StartAsync("m1");
        Assert.Null(await Host.Reserve("m2"));
        var third = await QueueAsync("m3");
        await Host.ReportGpus([Gpu with { Unhealthy = "it is too hot" }]);
        var second = await QueueAsync("m2");

        await Host.ReportGpus([Gpu]);

        Assert.NotNull((await Answered(second)).Lease);
        Assert.False(third.IsCompleted);
    }

    [Fact]
    public async Task A_request_that_is_refused_for_another_reason_leaves_the_room_reserved()
    {
        await StartAsync("m1");
        Assert.Null(await Host.Reserve("m2"));

        var wrong = new LeaseRequest(Guid.NewGuid(), "m2", [new PortBinding(MandelboxPorts.Control, Transport.Tcp, 80)]);
        Assert.Contains("outside", (await Host.AcquireLease(wrong)).Refusal, StringComparison.Ordinal);

        Assert.Equal((1, 0), await FiguresAsync());
        Assert.NotNull((await Answered(AskAsync("m2"))).Lease);
    }

    [Fact]
    public async Task What_runs_already_takes_its_room_whatever_is_reserved_and_nothing_is_given_twice()
    {
        await StartAsync("m1");
        Assert.Null(await Host.Reserve("m2"));

        Assert.NotNull((await Host.AdoptLease(Guid.NewGuid(), "agent", [])).Lease);

        Assert.Equal((1, 0), await FiguresAsync());
        Assert.Contains("all GPU slots are in use", (await AskAsync("m2")).Refusal, StringComparison.Ordinal);
        Assert.Equal(2, (await Host.Describe()).Slots.Used);
    }

    [Fact]
    public async Task A_container_of_the_agent_uses_the_reservation_of_its_mandelbox()
    {
        await StartAsync();
        Assert.Null(await Host.Reserve("m1"));

        Assert.NotNull((await Host.AdoptLease(Guid.NewGuid(), "m1", [])).Lease);

        Assert.Equal((0, 1), await FiguresAsync());
    }

    [Fact]
    public async Task Mandelboxes_of_the_host_itself_leave_reserved_room_alone()
    {
        await StartAsync("m1");
        Assert.True(await Host.MayStartWaiting());
        Assert.Null(await Host.Reserve("m2"));

        Assert.False(await Host.MayStartWaiting());
        Assert.Contains("reserved", (await AskAsync(MandelboxIds.NewWaiting())).Refusal, StringComparison.Ordinal);
        Assert.Contains("reserved", (await AskAsync(MandelboxIds.WarmUp)).Refusal, StringComparison.Ordinal);

        await Host.CancelReservation("m2");
        Assert.True(await Host.MayStartWaiting());
        Assert.NotNull((await AskAsync(MandelboxIds.WarmUp)).Lease);
    }

    [Theory]
    [InlineData(App)]
    [InlineData(OtherApp)]
    public async Task A_mandelbox_that_waits_for_users_is_room_for_the_one_that_has_reserved_only(string app)
    {
        await StartAsync("m1");
        var waiting = await StartWaitingAsync();
        Assert.Equal((0, 1), await FiguresAsync());
        Assert.Null(await Host.Reserve("m2"));
        Assert.Equal((1, 0), await FiguresAsync());

        var refused = await _cluster.Mandelbox("m3").SpinUp(Request(App));
        Assert.Contains("reserved", refused.Failure!.Reason, StringComparison.Ordinal);
        Assert.Equal(MandelboxState.Waiting, (await _cluster.Mandelbox(waiting).Describe())!.State);

        Assert.Null((await Answered(_cluster.Mandelbox("m2").SpinUp(Request(app)))).Failure);
        Assert.Equal((0, 0), await FiguresAsync());
        await _cluster.Mandelbox("m2").Stop("test");
    }

    [Fact]
    public async Task A_mandelbox_that_waits_on_an_unhealthy_gpu_is_no_room()
    {
        await StartAsync("m1");
        await StartWaitingAsync();

        await Host.ReportGpus([Gpu with { Unhealthy = "it is too hot" }]);

        Assert.Equal((0, 0), await FiguresAsync());
        Assert.Contains("it is too hot", await Host.Reserve("m2"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(App, false)]
    [InlineData(App, true)]
    [InlineData(OtherApp, false)]
    [InlineData(OtherApp, true)]
    public async Task The_first_that_waits_gets_the_room_of_a_mandelbox_that_waits_for_users_once_it_is_no_longer_reserved(string app, bool expires)
    {
        _queue = 2;
        await StartAsync("m1");
        var waiting = await StartWaitingAsync();
        Assert.Null(await Host.Reserve("m2"));
        var third = _cluster.Mandelbox("m3").SpinUp(Request(app));
        await UntilQueuedAsync("m3");
        var fourth = await QueueAsync("m4");

        if (expires)
        {
            _clock.Advance(HostReservations.Lasting);
        }
        else
        {
            await Host.CancelReservation("m2");
        }

        Assert.Null((await Answered(third)).Failure);
        Assert.False(fourth.IsCompleted);
        await _cluster.Watcher.Until(waiting, MandelboxState.Gone);
        Assert.Equal((0, 0), await FiguresAsync());
        Assert.DoesNotContain(await Host.ListEvents(1000), happened => happened is { Kind: HostEventKind.Refused, MandelboxId: "m3" });

        await _cluster.Mandelbox("m3").Stop("test");
        Assert.NotNull((await Answered(fourth)).Lease);
    }

    private static Task<T> Answered<T>(Task<T> call) => call.WaitAsync(Patience);

    private static SpinUpRequest Request(string app) => new("user", app, "0123456789abcdef", 1);

    /// <summary>Starts the host; these mandelboxes have a lease.</summary>
    private async Task StartAsync(params string[] ids)
    {
        _cluster = await new HostCluster
        {
            Environment = _environment,
            Gpus = [Gpu],
            Start = false,
            Replace = services => services
                .Configure<QueueOptions>(o => (o.Capacity, o.Timeout) = (_queue, _queue * TimeSpan.FromMinutes(5)))
                .AddSingleton<IConfigureGrainTypeComponents>(
                    provider => new HostGrainActivator(provider.GetRequiredService<GrainClassMap>(), _clock)),
        }.StartAsync();
        await Host.SetStatus(_status);
        _cluster.Engine.Images.Add($"fractal/{OtherApp}:current-build");
        foreach (var id in ids)
        {
            Assert.NotNull((await AskAsync(id)).Lease);
        }
    }

    private async Task<string> StartWaitingAsync()
    {
        var id = MandelboxIds.NewWaiting();
        Assert.Null(await _cluster.Mandelbox(id).StartWaiting(App));
        return id;
    }

    private Task<LeaseAnswer> AskAsync(string id) => Host.AcquireLease(new LeaseRequest(Guid.NewGuid(), id));

    private async Task EndAsync(string id) =>
        await Host.ReleaseLease(id, (await Host.ListLeases()).Single(lease => lease.MandelboxId == id).Id);

    /// <summary>Asks for a lease; returns once it waits.</summary>
    private async Task<Task<LeaseAnswer>> QueueAsync(string id)
    {
        var answer = AskAsync(id);
        await UntilQueuedAsync(id);
        return answer;
    }

    private async Task UntilQueuedAsync(string id)
    {
        var begun = Stopwatch.GetTimestamp();
        while (await Host.QueuePlace(id) is null)
        {
            Assert.True(Stopwatch.GetElapsedTime(begun) < Patience, $"{id} does not wait");
            await Task.Yield();
        }
    }

    private async Task<(int Reserved, int Free)> FiguresAsync()
    {
        var host = await Host.Describe();
        return (host.Reserved, host.Free);
    }

    /// <summary>Only the host's grain has the clock of the test: with it, the silo and the steps of mandelboxes would stand still.</summary>
    private sealed class HostGrainActivator(GrainClassMap classes, TimeProvider clock) : IConfigureGrainTypeComponents, IGrainActivator
    {
        public void Configure(GrainType grainType, GrainProperties properties, GrainTypeSharedContext shared)
        {
            if (classes.TryGetGrainClass(grainType, out var grainClass) && grainClass == typeof(HostGrain))
            {
                shared.SetComponent<IGrainActivator>(this);
            }
        }

        public object CreateInstance(IGrainContext context) =>
            ActivatorUtilities.CreateInstance<HostGrain>(context.ActivationServices, clock);

        public ValueTask DisposeInstance(IGrainContext context, object instance) => ValueTask.CompletedTask;
    }
}
