using System.Net.Sockets;
using HostService.GrainInterfaces;
using HostService.Grains.Host;
using HostService.Grains.Host.Consistency;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Linux.Processes;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Cluster;

/// <summary>
/// Whatever fails while a mandelbox is adopted or started ahead: the spin-up works, or is refused with a reason; the next one works; and
/// nothing is held once all have ended. The engine's events are followed as the service does.
/// </summary>
public sealed class WarmPoolFaultTests : IAsyncLifetime
{
    private const string App = "mandelboxes/demo";
    private const string OtherApp = "browsers/chrome";

    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(60);

    private readonly LossyCalls _calls = new();
    private readonly Meddling _meddling = new();
    private readonly ScratchDirectory _proc = new();
    private readonly CancellationTokenSource _end = new();
    private readonly HostCluster _cluster;
    private Task _following = Task.CompletedTask;

    public WarmPoolFaultTests() => _cluster = new HostCluster
    {
        Replace = services => services
            .AddSingleton<IOutgoingGrainCallFilter>(_calls)
            .Configure<QueueOptions>(queue => (queue.Capacity, queue.Timeout) = (5, TimeSpan.FromSeconds(20)))
            .AddSingleton(new ContainerProcesses(_proc.Path))
            .AddSingleton(Meddled<IMandelboxFiles>.Around(new MandelboxFiles(TimeProvider.System), _meddling))
            .AddSingleton(Meddled<IInputDevices>.Around(_cluster!.Input, _meddling))
            .AddSingleton(Meddled<ICloudStorage>.Around(_cluster.CloudStorage, _meddling)),
    };

    private WarmPoolKeeper Keeper => _cluster.Services.GetRequiredService<WarmPoolKeeper>();

    public async Task InitializeAsync()
    {
        await _cluster.StartAsync();
        _cluster.Engine.Images.Add($"fractal/{OtherApp}:current-build");
        _following = FollowEngineAsync();
    }

    public async Task DisposeAsync()
    {
        await _end.CancelAsync();
        await _following;
        _end.Dispose();
        await _cluster.DisposeAsync();
        _proc.Dispose();
    }

    [Theory]
    [InlineData(nameof(IHostGrain.AcquireLease), false, "lease")]
    [InlineData(nameof(IHostGrain.AcquireLease), true, "lease")]
    [InlineData(nameof(IMandelboxGrain.BeginAdoption), false, null)]
    [InlineData(nameof(IMandelboxGrain.BeginAdoption), true, null)]
    [InlineData(nameof(IHostGrain.RegisterContainer), false, null)]
    [InlineData(nameof(IHostGrain.RegisterContainer), true, null)]
    [InlineData(nameof(IMandelboxGrain.CompleteAdoption), false, null)]
    [InlineData(nameof(IMandelboxGrain.CompleteAdoption), true, null)]
    public async Task A_call_of_an_adoption_is_lost(string call, bool isDelivered, string? phase)
    {
        await StartWaitingAsync(2);
        _calls.Lose(call, isDelivered);

        var answer = await SpinUpAsync("m1");

        Assert.Equal(phase, answer.Failure?.Phase);
        await AssertAllGoesOnAndEndsAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_one_that_waited_cannot_say_that_it_has_released_its_lease(bool isDelivered)
    {
        await StartWaitingAsync(2);
        _cluster.Engine.FailNext(EngineCall.Rename);
        _calls.Lose(nameof(IHostGrain.ReleaseLease), isDelivered, id => MandelboxIds.IsWaiting((string)id!));

        Assert.Null((await SpinUpAsync("m1")).Failure);

        await AssertAllGoesOnAndEndsAsync();
    }

    [Theory]
    [InlineData(nameof(IHostGrain.ReleaseLease), false)]
    [InlineData(nameof(IHostGrain.ReleaseLease), true)]
    [InlineData(nameof(IMandelboxGrain.Stop), false)]
    [InlineData(nameof(IMandelboxGrain.Stop), true)]
    public async Task A_call_of_the_undo_of_an_adoption_is_lost(string call, bool isDelivered)
    {
        await StartWaitingAsync(2);
        _cluster.Engine.FailNext(EngineCall.Rename);
        _calls.Lose(call, isDelivered, argument => call == nameof(IMandelboxGrain.Stop) || "m1".Equals(argument));

        Assert.Equal("adopt", (await SpinUpAsync("m1")).Failure!.Phase);

        await AssertAllGoesOnAndEndsAsync();
    }

    [Theory]
    [InlineData(EngineFailure.Refused, false)]
    [InlineData(EngineFailure.Refused, true)]
    [InlineData(EngineFailure.Unreachable, false)]
    [InlineData(EngineFailure.Unreachable, true)]
    [InlineData(EngineFailure.NotFound, false)]
    [InlineData(EngineFailure.NameTaken, false)]
    public async Task The_engine_does_not_rename_the_container(EngineFailure failure, bool afterEffect)
    {
        await StartWaitingAsync(2);
        _cluster.Engine.FailNext(EngineCall.Rename, failure, afterEffect: afterEffect);

        Assert.Null((await SpinUpAsync("m1")).Failure);

        await AssertAllGoesOnAndEndsAsync();
    }

    [Theory]
    [InlineData(EngineCall.Stop, 1)]
    [InlineData(EngineCall.Stop, 5)]
    [InlineData(EngineCall.Remove, 1)]
    [InlineData(EngineCall.Remove, 5)]
    public async Task The_engine_does_not_end_the_container_of_an_adoption_that_failed(EngineCall call, int times)
    {
        await StartWaitingAsync(2);
        _cluster.Engine.FailNext(EngineCall.Rename);
        _cluster.Engine.FailNext(call, EngineFailure.Unreachable, times);

        Assert.Equal("adopt", (await SpinUpAsync("m1")).Failure!.Phase);

        await AssertAllGoesOnAndEndsAsync();
    }

    [Fact]
    public async Task The_engine_does_not_say_whether_the_adopted_container_runs()
    {
        await StartWaitingAsync(2);
        _cluster.Engine.FailNext(EngineCall.Inspect);

        Assert.NotNull((await SpinUpAsync("m1")).Failure);

        await AssertAllGoesOnAndEndsAsync();
    }

    [Theory]
    [InlineData(0, "there is something at the target")]
    [InlineData(1, "there is something at the target")]
    [InlineData(2, "there is something at the target")]
    [InlineData(3, "there is something at the target")]
    [InlineData(0, "the source is missing")]
    [InlineData(1, "the source is missing")]
    [InlineData(2, "the source is missing")]
    [InlineData(3, "the source is missing")]
    [InlineData(0, "it is done and fails")]
    [InlineData(1, "it is done and fails")]
    [InlineData(2, "it is done and fails")]
    [InlineData(3, "it is done and fails")]
    public async Task A_directory_is_not_moved(int number, string why)
    {
        await StartWaitingAsync(2);
        switch (why)
        {
            case "there is something at the target":
                _meddling.Before(
                    nameof(IMandelboxFiles.MoveDirectory),
                    arguments => File.WriteAllTextAsync(Path.Combine((string)arguments[1]!, "left"), "left"),
                    number);
                break;
            case "the source is missing":
                _meddling.Before(nameof(IMandelboxFiles.MoveDirectory), arguments =>
                {
                    Directory.Delete((string)arguments[0]!, recursive: true);
                    return Task.CompletedTask;
                }, number);
                break;
            default:
                _meddling.Fail(nameof(IMandelboxFiles.MoveDirectory), number, isDone: true);
                break;
        }

        Assert.Null((await SpinUpAsync("m1")).Failure);

        // Logs stay.
        File.Delete(Path.Combine(new MandelboxPaths(_cluster.Root, "m1").Logs(1), "left"));
        await AssertAllGoesOnAndEndsAsync();
    }

    [Theory]
    [InlineData(nameof(ICloudStorage.Move), false)]
    [InlineData(nameof(ICloudStorage.Move), true)]
    [InlineData(nameof(IInputDevices.PassOn), false)]
    [InlineData(nameof(IInputDevices.PassOn), true)]
    public async Task Something_else_of_it_is_not_passed_on(string call, bool isDone)
    {
        await StartWaitingAsync(2);
        _meddling.Fail(call, earlier: 0, isDone);

        Assert.Null((await SpinUpAsync("m1")).Failure);

        await AssertAllGoesOnAndEndsAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_resolution_of_the_users_screen_is_not_written(bool isDone)
    {
        await StartWaitingAsync(2);
        _meddling.Fail(nameof(IMandelboxFiles.WriteAsync), earlier: 0, isDone);

        Assert.Null((await _cluster.Mandelbox("m1").SpinUp(HostCluster.Request() with { Dpi = 96 })).Failure);

        await AssertAllGoesOnAndEndsAsync();
    }

    [Fact]
    public async Task What_the_other_container_has_left_in_the_directories_is_not_there_for_the_one_that_is_started_cold()
    {
        await StartWaitingAsync(1);
        var waiting = new MandelboxPaths(_cluster.Root, (await WaitingAsync()).Single().MandelboxId);
        string[] directories = [waiting.UserConfigs, waiting.Sockets];
        foreach (var directory in directories)
        {
            await File.WriteAllTextAsync(Path.Combine(directory, "of-the-other"), "");
        }

        _cluster.Engine.FailNext(EngineCall.Rename);
        Assert.Null((await SpinUpAsync("m1")).Failure);

        var paths = new MandelboxPaths(_cluster.Root, "m1");
        Assert.Empty(Directory.GetFileSystemEntries(paths.UserConfigs));
        Assert.Empty(Directory.GetFileSystemEntries(paths.Sockets));
        await AssertAllGoesOnAndEndsAsync();
    }

    [Theory]
    [InlineData("m1 is stopped")]
    [InlineData("the other one is stopped")]
    [InlineData("both are stopped")]
    [InlineData("the caller hangs up")]
    [InlineData("the container dies")]
    [InlineData("those that wait are ended")]
    [InlineData("everything is compared")]
    public async Task Something_happens_in_the_middle_of_an_adoption(string what)
    {
        await StartWaitingAsync(2);
        var all = await WaitingAsync();
        var waiting = all.MinBy(m => m.Since)!;
        using var held = _cluster.Engine.Hold(EngineCall.Rename);
        var spinUp = _cluster.Mandelbox("m1").SpinUp(HostCluster.Request());
        await held.Entered.WaitAsync(Longest);
        List<Task> acts = [];
        switch (what)
        {
            case "m1 is stopped":
                await StopAsync("m1");
                break;
            case "the other one is stopped":
                await StopAsync(waiting.MandelboxId);
                break;
            case "both are stopped":
                await StopAsync("m1");
                await StopAsync(waiting.MandelboxId);
                break;
            case "the caller hangs up":
                await _cluster.Mandelbox("m1").CallerLeft();
                break;
            case "the container dies":
                _cluster.Engine.Die(waiting.ContainerId!, 1);
                break;
            case "those that wait are ended":
                acts.Add(Keeper.EndAllAsync(CancellationToken.None));
                await _cluster.Watcher.Until(all.Single(m => m != waiting).MandelboxId, MandelboxState.Dying);
                break;
            default:
                await _cluster.Events.ReconcileAsync(CancellationToken.None);
                await _cluster.Events.WhenIdleAsync();
                break;
        }

        held.Release();

        var answer = await spinUp.WaitAsync(Longest);
        await Task.WhenAll(acts).WaitAsync(Longest);
        var mustComeUp = what is "the caller hangs up" or "everything is compared" or "those that wait are ended";
        Assert.True(answer.Failure is null || !mustComeUp, $"{answer.Failure}");
        Assert.True(answer.Failure is not null || what is not ("m1 is stopped" or "both are stopped"), "it came up although stopped");
        Assert.NotEqual("", answer.Failure?.Reason);
        await AssertAllGoesOnAndEndsAsync();

        // Returns once its end has begun.
        async Task StopAsync(string id)
        {
            acts.Add(_cluster.Mandelbox(id).Stop("an operator says so"));
            await _cluster.Watcher.Until(id, MandelboxState.Dying);
        }
    }

    [Theory]
    [InlineData(EngineCall.FindImage)]
    [InlineData(EngineCall.Create)]
    [InlineData(EngineCall.Start)]
    [InlineData(EngineCall.Inspect)]
    public async Task The_host_ends_those_that_wait_while_one_is_being_started(EngineCall call)
    {
        await StartWaitingAsync(1);
        using var held = _cluster.Engine.Hold(call);
        var id = MandelboxIds.NewWaiting();
        var start = _cluster.Mandelbox(id).StartWaiting(App);
        await held.Entered.WaitAsync(Longest);

        var end = Keeper.EndAllAsync(CancellationToken.None);
        await _cluster.Watcher.Until(id, MandelboxState.Dying);
        held.Release();

        await end.WaitAsync(Longest);
        Assert.NotNull(await start);
        Assert.Empty(await _cluster.Host.ListMandelboxes());
        await _cluster.AssertNothingIsHeldAsync();
    }

    [Theory]
    [InlineData(EngineCall.Create)]
    [InlineData(EngineCall.Start)]
    public async Task The_host_is_full_while_one_is_being_started(EngineCall call)
    {
        var capacity = (await _cluster.Host.Describe()).Slots.Capacity;
        await StartWaitingAsync(1);
        using var held = _cluster.Engine.Hold(call);
        var start = _cluster.Mandelbox(MandelboxIds.NewWaiting()).StartWaiting(App);
        await held.Entered.WaitAsync(Longest);
        held.Release();

        var ids = Enumerable.Range(0, capacity).Select(i => $"m{i}").ToArray();
        var answers = await Task.WhenAll(ids.Select(id =>
            _cluster.Mandelbox(id).SpinUp(new SpinUpRequest("user", OtherApp, "0123456789abcdef", 1)))).WaitAsync(Longest);

        Assert.All(answers, answer => Assert.Null(answer.Failure));
        await start;
        Assert.Empty(await WaitingAsync());
        var more = SpinUpAsync("more");
        await Task.WhenAll(ids.Select(id => _cluster.Mandelbox(id).Stop("test")));
        Assert.Null((await more).Failure);
        await AssertAllGoesOnAndEndsAsync();
    }

    [Fact]
    public async Task A_spin_up_on_a_full_host_waits_in_the_queue_for_one_that_cannot_be_ended_at_once()
    {
        await StartWaitingAsync(1);
        var capacity = (await _cluster.Host.Describe()).Slots.Capacity;
        var others = Enumerable.Range(1, capacity - 1).Select(i => new LeaseRequest(Guid.NewGuid(), $"other{i}")).ToList();
        foreach (var other in others)
        {
            Assert.NotNull((await _cluster.Host.AcquireLease(other)).Lease);
        }

        _cluster.Engine.FailNext(EngineCall.Stop, EngineFailure.Unreachable, times: 8);
        _cluster.Engine.FailNext(EngineCall.Remove, EngineFailure.Unreachable, times: 8);
        var answer = await _cluster.Mandelbox("m1").SpinUp(new SpinUpRequest("user", OtherApp, "0123456789abcdef", 1)).WaitAsync(Longest);

        Assert.True(answer.Failure is null, $"{answer.Failure}");
        foreach (var other in others)
        {
            await _cluster.Host.ReleaseLease(other.MandelboxId, other.LeaseId);
        }

        await AssertAllGoesOnAndEndsAsync();
    }

    [Fact]
    public async Task Nothing_differs_while_some_wait_are_adopted_and_have_been()
    {
        using var check = ActivatorUtilities.CreateInstance<ConsistencyCheck>(_cluster.Services);
        await StartWaitingAsync(2);
        Assert.Empty(await check.CheckAsync(default));

        var (entered, go) = (NewSignal(), NewSignal());
        _meddling.Before(nameof(ICloudStorage.PrepareAsync), _ =>
        {
            entered.SetResult();
            return go.Task;
        });
        using var held = _cluster.Engine.Hold(EngineCall.Rename);
        var spinUp = _cluster.Mandelbox("m1").SpinUp(HostCluster.Request());
        await entered.Task.WaitAsync(Longest);
        Assert.Empty(await check.CheckAsync(default));
        go.SetResult();
        await held.Entered.WaitAsync(Longest);
        Assert.Empty(await check.CheckAsync(default));
        held.Release();
        Assert.Null((await spinUp).Failure);
        Assert.Empty(await check.CheckAsync(default));
        await UntilGoneAsync(m => MandelboxIds.IsWaiting(m.MandelboxId) && m.State != MandelboxState.Waiting);
        Assert.Empty(await check.CheckAsync(default));
        await AssertAllGoesOnAndEndsAsync();
        Assert.Empty(await check.CheckAsync(default));
    }

    [Fact]
    public async Task The_socket_of_input_devices_that_were_passed_on_is_nobodys_loss()
    {
        using var check = ActivatorUtilities.CreateInstance<ConsistencyCheck>(_cluster.Services);
        await StartWaitingAsync(1);
        var waiting = new MandelboxPaths(_cluster.Root, (await WaitingAsync()).Single().MandelboxId);
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(waiting.InputSocket));
        socket.Listen();
        Assert.Empty(await check.CheckAsync(default));

        // The kernel goes on to name it by the path at which it was made.
        Assert.Null((await SpinUpAsync("m1")).Failure);
        await UntilGoneAsync(m => MandelboxIds.IsWaiting(m.MandelboxId));

        Assert.Empty(await check.CheckAsync(default));
        await AssertAllGoesOnAndEndsAsync();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>As the service follows them, but without a pause after a fault.</summary>
    private async Task FollowEngineAsync()
    {
        await using var events = await _cluster.Engine.WatchAsync(null, CancellationToken.None);
        while (!_end.IsCancellationRequested)
        {
            try
            {
                await _cluster.Events.OnEventAsync(await events.NextAsync(_end.Token), CancellationToken.None);
            }
            catch (OperationCanceledException) when (_end.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception) when (exception is TimeoutException or ContainerEngineException)
            {
                await _cluster.Events.ReconcileAsync(CancellationToken.None);
            }
        }
    }

    private async Task StartWaitingAsync(int count)
    {
        for (var i = 0; i < count; i++)
        {
            Assert.Null(await _cluster.Mandelbox(MandelboxIds.NewWaiting()).StartWaiting(App));
        }
    }

    private Task<SpinUpAnswer> SpinUpAsync(string id) => _cluster.Mandelbox(id).SpinUp(HostCluster.Request()).WaitAsync(Longest);

    private async Task<IReadOnlyList<MandelboxDescription>> WaitingAsync() =>
        [.. (await _cluster.Host.ListMandelboxes()).Where(m => MandelboxIds.IsWaiting(m.MandelboxId))];

    /// <summary>The next spin-up works and uses what still waits; nothing is held once all have ended.</summary>
    private async Task AssertAllGoesOnAndEndsAsync()
    {
        Assert.True(_meddling.IsOver, "what the test has planned did not happen");
        await UntilGoneAsync(m => m.State == MandelboxState.Dying || m.EndReason is not null);
        var waiting = (await WaitingAsync()).MinBy(m => m.Since);
        var next = await SpinUpAsync("next");
        Assert.True(next.Failure is null, $"the next one: {next.Failure}");
        var used = (await _cluster.Mandelbox("next").Describe())!.ContainerId;
        Assert.True(waiting is null || used == waiting.ContainerId, "the one that waits is stuck");

        await Keeper.EndAllAsync(CancellationToken.None).WaitAsync(Longest);
        foreach (var mandelbox in await _cluster.Host.ListMandelboxes())
        {
            await _cluster.Mandelbox(mandelbox.MandelboxId).Stop("test");
        }

        await UntilGoneAsync(_ => true);
        await _cluster.Events.WhenIdleAsync();
        await _cluster.AssertNothingIsHeldAsync();
    }

    private async Task UntilGoneAsync(Func<MandelboxDescription, bool> isMeant)
    {
        using var late = new CancellationTokenSource(Longest);
        while ((await _cluster.Host.ListMandelboxes()).Any(isMeant))
        {
            Assert.False(late.IsCancellationRequested, string.Join(", ", await _cluster.Host.ListMandelboxes()));
        }
    }
}
