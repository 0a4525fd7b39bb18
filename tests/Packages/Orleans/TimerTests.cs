using Orleans.Concurrency;

namespace HostService.Tests.Packages.Orleans;

public interface ITickingGrain : IGrainWithStringKey
{
    /// <summary>Ticks reach the gates <c>key1</c>, <c>key2</c>, … .</summary>
    Task Start(bool interleave, int failures);

    Task Wait(string gate);

    [AlwaysInterleave]
    Task<int> Ticks();

    Task StopTicking();

    Task<string> OnItsScheduler();

    Task StartWithToken();

    Task WaitForChange();

    Task Change();
}

public sealed class TickingGrain(Gates gates) : Grain, ITickingGrain
{
    private IGrainTimer? _timer;
    private int _ticks;

    private string Key => this.GetPrimaryKeyString();

    public Task Start(bool interleave, int failures)
    {
        _timer = this.RegisterGrainTimer(
            left =>
            {
                gates.Reach($"{Key}{++_ticks}");
                return _ticks <= left ? throw new InvalidOperationException("tick") : Task.CompletedTask;
            },
            failures,
            new GrainTimerCreationOptions(TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(10)) { Interleave = interleave });
        return Task.CompletedTask;
    }

    public Task Wait(string gate) => gates.Pass(gate);

    public Task<int> Ticks() => Task.FromResult(_ticks);

    public Task StopTicking()
    {
        _timer?.Dispose();
        return Task.CompletedTask;
    }

    public async Task<string> OnItsScheduler()
    {
        var here = TaskScheduler.Current;
        var answer = new TaskCompletionSource<string>();
        using var timer = this.RegisterGrainTimer(
            () =>
            {
                answer.TrySetResult(TaskScheduler.Current == here ? "same" : "other");
                return Task.CompletedTask;
            },
            new GrainTimerCreationOptions(TimeSpan.Zero, Timeout.InfiniteTimeSpan) { Interleave = true });
        return await answer.Task;
    }

    public Task StartWithToken()
    {
        _timer = this.RegisterGrainTimer(
            async token =>
            {
                token.Register(() => gates.Reach("cancelled" + Key));
                await gates.Pass("running" + Key);
            },
            TimeSpan.Zero, TimeSpan.FromMinutes(1));
        return Task.CompletedTask;
    }

    public Task WaitForChange()
    {
        _timer = this.RegisterGrainTimer(
            () =>
            {
                gates.Reach("changed" + Key);
                return Task.CompletedTask;
            },
            TimeSpan.FromHours(1), Timeout.InfiniteTimeSpan);
        return Task.CompletedTask;
    }

    public Task Change()
    {
        _timer!.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        return Task.CompletedTask;
    }
}

public sealed class TimerTests(Cluster cluster) : IClassFixture<Cluster>
{
    private readonly string _key = Guid.NewGuid().ToString("N");

    private ITickingGrain Grain => cluster.Grains.GetGrain<ITickingGrain>(_key);

    private Gates Gates => cluster.Gates;

    [Fact]
    public async Task A_timer_ticks_again_and_again()
    {
        await Grain.Start(interleave: false, failures: 0);
        await Gates.Reached(_key + "3");
        await Grain.StopTicking();
    }

    [Fact]
    public async Task A_tick_that_fails_does_not_end_the_timer()
    {
        await Grain.Start(interleave: false, failures: 2);
        await Gates.Reached(_key + "4");
        await Grain.StopTicking();
    }

    [Fact]
    public async Task A_tick_waits_for_the_call_that_runs()
    {
        var waiting = Grain.Wait("wait" + _key);
        await Gates.Reached("wait" + _key);
        Gates.Open("wait" + _key);
        await waiting;
        await Grain.Start(interleave: false, failures: 0);
        await Gates.Reached(_key + "1");
        var busy = Grain.Wait("busy" + _key);
        await Gates.Reached("busy" + _key);
        var before = await Grain.Ticks();
        var other = cluster.Grains.GetGrain<ITickingGrain>(_key + "other");
        await other.Start(interleave: false, failures: 0);
        await Gates.Reached(_key + "other5");
        Assert.Equal(before, await Grain.Ticks());
        Gates.Open("busy" + _key);
        await busy;
        await Gates.Reached($"{_key}{before + 1}");
        await Grain.StopTicking();
        await other.StopTicking();
    }

    [Fact]
    public async Task An_interleaving_tick_does_not_wait()
    {
        await Grain.Start(interleave: true, failures: 0);
        var busy = Grain.Wait("busy" + _key);
        await Gates.Reached("busy" + _key);
        var before = await Grain.Ticks();
        await Gates.Reached($"{_key}{before + 2}");
        Gates.Open("busy" + _key);
        await busy;
        await Grain.StopTicking();
    }

    [Fact]
    public async Task A_tick_runs_on_the_grains_own_scheduler() => Assert.Equal("same", await Grain.OnItsScheduler());

    [Fact]
    public async Task A_timer_can_be_set_anew()
    {
        await Grain.WaitForChange();
        Assert.False(Gates.IsReached("changed" + _key));
        await Grain.Change();
        await Gates.Reached("changed" + _key);
    }

    [Fact]
    public async Task Ticks_end_with_the_activation_and_a_running_one_is_told()
    {
        await Grain.StartWithToken();
        await Gates.Reached("running" + _key);
        var gone = cluster.Running.DeactivateAsync(Grain);
        Gates.Open("running" + _key);
        await gone.WaitAsync(TimeSpan.FromSeconds(20));
        await Gates.Reached("cancelled" + _key);
    }
}
