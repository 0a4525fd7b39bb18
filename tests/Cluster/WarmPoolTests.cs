using HostService.GrainInterfaces;
using HostService.Grains.Host;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Cluster;

/// <summary>Mandelboxes that are started ahead, and are adopted by the next spin-up of their app.</summary>
public sealed class WarmPoolTests : IAsyncLifetime
{
    private const string App = "mandelboxes/demo";
    private const int Size = 2;

    private readonly HostCluster _cluster = new()
    {
        Replace = services =>
        {
            services.Configure<WarmPoolOptions>(o =>
            {
                o.Apps = new Dictionary<string, int> { [App] = Size };
                o.CheckInterval = TimeSpan.FromMilliseconds(200);
            });
        },
    };

    private WarmPoolKeeper Keeper => _cluster.Services.GetRequiredService<WarmPoolKeeper>();

    public async Task InitializeAsync()
    {
        await _cluster.StartAsync();
        await Keeper.StartAsync(CancellationToken.None);
        await UntilWaitingAsync(Size);
    }

    public async Task DisposeAsync()
    {
        await Keeper.StopAsync(CancellationToken.None);
        await Keeper.EndAllAsync(CancellationToken.None);
        await _cluster.AssertNothingIsHeldAsync();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task A_spin_up_adopts_the_one_that_has_waited_for_longest_with_all_that_it_has()
    {
        var waiting = (await WaitingAsync()).MinBy(m => m.Since)!;
        var created = _cluster.Engine.CallsOf(EngineCall.Create);
        await Keeper.StopAsync(CancellationToken.None);

        var answer = await SpinUpAsync("m1", "ada", session: 7);

        var adopted = (await _cluster.Mandelbox("m1").Describe())!;
        Assert.Equal(created, _cluster.Engine.CallsOf(EngineCall.Create));
        Assert.Equal(waiting.ContainerId, adopted.ContainerId);
        Assert.Equal(
            (MandelboxState.Running, "ada", 7ul, "m1"),
            (adopted.State, adopted.UserId, adopted.SessionId!.Value, adopted.Lease!.MandelboxId));
        Assert.Equal((waiting.Lease!.Tty, waiting.Lease.GpuIndex), (adopted.Lease.Tty, adopted.Lease.GpuIndex));
        Assert.Equal(waiting.Lease.Ports, adopted.Lease.Ports);
        Assert.Equal(waiting.Lease.HostPortFor(MandelboxPorts.Control), answer.Access!.Port32262);
        Assert.Contains($"FRACTAL_AES_KEY={answer.Access.AesKey}", _cluster.Engine.SpecOf(waiting.ContainerId!).Environment);
        Assert.Equal(
            [MandelboxState.Allocated, MandelboxState.Waiting, MandelboxState.Connecting, MandelboxState.Running],
            adopted.Phases.Select(phase => phase.State));

        var container = _cluster.Engine.Containers.Single(c => c.Id == waiting.ContainerId);
        Assert.Equal("mandelboxes-demo-m1", container.Name);
        Assert.Equal("m1", ContainerLabels.Read(container.Labels, container.Name)!.MandelboxId);
        var mappings = Path.Combine(_cluster.Root, "m1", "mandelboxResourceMappings");
        Assert.Equal($"{adopted.Lease.Tty}", await File.ReadAllTextAsync(Path.Combine(mappings, "tty")));
        Assert.Superset(new HashSet<string> { ".paramsReady", ".ready" }, Directory.GetFiles(mappings).Select(Path.GetFileName).ToHashSet()!);
        Assert.True(Directory.Exists(Path.Combine(_cluster.Root, "temp", "logs", "m1", "7")));

        await UntilGoneAsync(waiting.MandelboxId);
        Assert.DoesNotContain(
            Directory.EnumerateFileSystemEntries(_cluster.Root, "*", SearchOption.AllDirectories),
            path => path.Contains(waiting.MandelboxId, StringComparison.Ordinal));
        Assert.DoesNotContain(await _cluster.Host.ListEnded(10), m => MandelboxIds.IsWaiting(m.MandelboxId));
        Assert.Equal("m1", await _cluster.Host.FindByHostPort(answer.Access.Port32262, Transport.Tcp));

        // Its container is followed as any other one's.
        await _cluster.DieAsync("m1", exitCode: 0);
        await _cluster.Watcher.Until("m1", MandelboxState.Gone);
        Assert.Equal(EndCause.UserLeft, (await _cluster.Host.ListEnded(1))[0].EndCause);
    }

    [Fact]
    public async Task The_pool_is_filled_again_and_counted_at_every_moment()
    {
        var before = await _cluster.Host.Describe();
        Assert.Equal(
            (0, new PoolFigures(Size, 0), Size), (before.Mandelboxes, before.Waiting, before.Ttys.Used));

        await SpinUpAsync("m1");
        await UntilWaitingAsync(Size);

        var after = await _cluster.Host.Describe();
        Assert.Equal((1, new PoolFigures(Size, 0), Size + 1), (after.Mandelboxes, after.Waiting, after.Ttys.Used));
        await _cluster.Mandelbox("m1").Stop("test");
    }

    [Fact]
    public async Task Nothing_is_started_ahead_while_a_spin_up_runs()
    {
        await Keeper.StopAsync(CancellationToken.None);
        await SpinUpAsync("m1");
        await SpinUpAsync("m2");
        using var held = _cluster.Engine.Hold(EngineCall.Start);
        var cold = SpinUpAsync("m3");
        await held.Entered.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.False(await _cluster.Host.MayStartWaiting());

        held.Release();
        await cold;
        Assert.True(await _cluster.Host.MayStartWaiting());
        await EndAsync("m1", "m2", "m3");
    }

    [Theory]
    [InlineData("another app")]
    [InlineData("a port of its own")]
    public async Task What_does_not_fit_starts_cold(string why)
    {
        _cluster.Engine.Images.Add("fractal/browsers/chrome:current-build");
        var request = why == "another app"
            ? new SpinUpRequest("user", "browsers/chrome", "0123456789abcdef", 1)
            : HostCluster.Request() with { RequestedPorts = [new PortBinding(MandelboxPorts.Control, Transport.Tcp, 20000)] };

        Assert.Null((await _cluster.Mandelbox("m1").SpinUp(request)).Failure);

        Assert.Equal(Size, (await WaitingAsync()).Count);
        Assert.Contains(MandelboxState.Created, (await _cluster.Mandelbox("m1").Describe())!.Phases.Select(phase => phase.State));
        await EndAsync("m1");
    }

    [Fact]
    public async Task A_full_host_ends_those_that_wait_before_it_refuses_a_spin_up()
    {
        _cluster.Engine.Images.Add("fractal/browsers/chrome:current-build");
        var capacity = (await _cluster.Host.Describe()).Slots.Capacity;
        var ids = Enumerable.Range(0, capacity).Select(i => $"m{i}").ToArray();

        var answers = await Task.WhenAll(ids.Select(id =>
            _cluster.Mandelbox(id).SpinUp(new SpinUpRequest("user", "browsers/chrome", "0123456789abcdef", 1))));
        var refused = await _cluster.Mandelbox("more").SpinUp(new SpinUpRequest("user", "browsers/chrome", "0123456789abcdef", 1));

        Assert.All(answers, answer => Assert.Null(answer.Failure));
        Assert.Equal("lease", refused.Failure!.Phase);
        Assert.Empty(await WaitingAsync());
        Assert.False(await _cluster.Host.MayStartWaiting());
        await EndAsync(ids);
        await UntilWaitingAsync(Size);
    }

    [Fact]
    public async Task An_app_without_an_image_does_not_keep_another_one_from_waiting()
    {
        await using var cluster = await new HostCluster
        {
            Replace = services => services.Configure<WarmPoolOptions>(
                o => o.Apps = new Dictionary<string, int> { ["browsers/none"] = 1, [App] = 1 }),
        }.StartAsync();
        var keeper = cluster.Services.GetRequiredService<WarmPoolKeeper>();

        await keeper.StartAsync(CancellationToken.None);

        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!(await cluster.Host.ListMandelboxes()).Any(m => m is { AppName: App, State: MandelboxState.Waiting }))
        {
            Assert.False(late.IsCancellationRequested, string.Join(", ", await cluster.Host.ListMandelboxes()));
        }

        await keeper.StopAsync(CancellationToken.None);
        await keeper.EndAllAsync(CancellationToken.None);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task One_that_ends_while_it_waits_is_replaced()
    {
        var ended = (await WaitingAsync())[0];

        await _cluster.DieAsync(ended.MandelboxId, exitCode: 1);

        await _cluster.Watcher.Until(ended.MandelboxId, MandelboxState.Gone);
        await UntilWaitingAsync(Size);
        Assert.Equal(EndCause.AppExited, (await _cluster.Host.ListEnded(1))[0].EndCause);
    }

    [Theory]
    [InlineData("image", "its image has been replaced")]
    [InlineData("health", "its health check has failed")]
    public async Task One_that_is_no_longer_good_is_replaced(string what, string reason)
    {
        var old = (await WaitingAsync())[0];
        if (what == "image")
        {
            _cluster.Engine.ImageIds[FakeContainerEngine.DemoImage] = "another";
        }
        else
        {
            _cluster.Engine.BecomeUnhealthy(old.ContainerId!);
        }

        await _cluster.Watcher.Until(old.MandelboxId, MandelboxState.Gone);

        await UntilWaitingAsync(Size);
        var ended = (await _cluster.Host.ListEnded(10)).Single(m => m.MandelboxId == old.MandelboxId);
        Assert.Equal((EndCause.Replaced, reason), (ended.EndCause, ended.EndReason));
    }

    [Theory]
    [InlineData(EngineCall.Rename, false)]
    [InlineData(EngineCall.Rename, true)]
    public async Task An_adoption_that_fails_is_undone_and_the_spin_up_starts_cold(EngineCall call, bool afterEffect)
    {
        await Keeper.StopAsync(CancellationToken.None);
        var waiting = (await WaitingAsync()).MinBy(m => m.Since)!;
        _cluster.Engine.FailNext(call, afterEffect: afterEffect);

        await SpinUpAsync("m1");

        var running = (await _cluster.Mandelbox("m1").Describe())!;
        Assert.NotEqual(waiting.ContainerId, running.ContainerId);
        await UntilGoneAsync(waiting.MandelboxId);
        Assert.DoesNotContain(_cluster.Engine.Containers, c => c.Id == waiting.ContainerId);
        await EndAsync("m1");
    }

    [Fact]
    public async Task The_lease_of_one_that_was_adopted_is_released_before_the_configs_are_saved()
    {
        await Keeper.StopAsync(CancellationToken.None);
        await SpinUpAsync("m1");
        var lease = (await _cluster.Mandelbox("m1").Describe())!.Lease!;
        _cluster.UserConfigs.HoldSave = new TaskCompletionSource();

        var ended = EndAsync("m1");
        await _cluster.UserConfigs.SaveBegun.Task.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.DoesNotContain(await _cluster.Host.ListLeases(), held => held.Id == lease.Id);
        _cluster.UserConfigs.HoldSave.SetResult();
        await ended;
    }

    [Fact]
    public async Task One_that_dies_during_its_adoption_is_not_given_to_a_user()
    {
        await Keeper.StopAsync(CancellationToken.None);
        var waiting = (await WaitingAsync()).MinBy(m => m.Since)!;
        _cluster.Engine.BeforeAnswerOf(EngineCall.Rename, () =>
        {
            _cluster.Engine.Die(waiting.ContainerId!, 1);
            return Task.CompletedTask;
        });

        var answer = await _cluster.Mandelbox("m1").SpinUp(HostCluster.Request());

        Assert.NotNull(answer.Failure);
        await _cluster.Watcher.Until("m1", MandelboxState.Gone);
        await UntilGoneAsync(waiting.MandelboxId);
    }

    [Fact]
    public async Task A_cold_start_that_is_retried_leaves_those_that_wait_by_now_alone()
    {
        await Keeper.StopAsync(CancellationToken.None);
        await SpinUpAsync("m1");
        await SpinUpAsync("m2");
        _cluster.Engine.FailNext(EngineCall.Start, EngineFailure.PortTaken);
        _cluster.Engine.BeforeAnswerOf(
            EngineCall.Remove, async () => Assert.Null(await _cluster.Mandelbox(MandelboxIds.NewWaiting()).StartWaiting(App)));

        await SpinUpAsync("m3");

        var ttys = (await _cluster.Host.ListMandelboxes()).Select(m => m.Lease!.Tty).ToList();
        Assert.Equal(4, ttys.Distinct().Count());
        await EndAsync("m1", "m2", "m3");
    }

    [Fact]
    public async Task One_that_is_being_adopted_is_not_ended_to_make_room()
    {
        await Keeper.StopAsync(CancellationToken.None);
        var waiting = (await WaitingAsync()).MinBy(m => m.Since)!;
        using var held = _cluster.Engine.Hold(EngineCall.Rename);
        var adopting = SpinUpAsync("m1");
        await held.Entered.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.False(await _cluster.Mandelbox(waiting.MandelboxId).EndWaiting("a spin-up needs what it holds"));

        held.Release();
        await adopting;
        Assert.Equal(waiting.ContainerId, (await _cluster.Mandelbox("m1").Describe())!.ContainerId);
        await EndAsync("m1");
    }

    [Fact]
    public async Task Two_spin_ups_at_once_get_two_of_them()
    {
        await Keeper.StopAsync(CancellationToken.None);
        await Task.WhenAll(SpinUpAsync("m1", "ada"), SpinUpAsync("m2", "bob"), SpinUpAsync("m3", "eve"));

        var all = await Task.WhenAll(new[] { "m1", "m2", "m3" }.Select(id => _cluster.Mandelbox(id).Describe()));
        Assert.Equal(3, all.Select(m => m!.ContainerId).Distinct().Count());
        Assert.Equal(3, all.Select(m => m!.Lease!.Tty).Distinct().Count());
        Assert.Empty(await WaitingAsync());
        await EndAsync("m1", "m2", "m3");
    }

    private Task<SpinUpAnswer> SpinUpAsync(string id, string user = "user", ulong session = 1) => Require(
        _cluster.Mandelbox(id).SpinUp(HostCluster.Request(user, session)));

    private static async Task<SpinUpAnswer> Require(Task<SpinUpAnswer> spinUp)
    {
        var answer = await spinUp;
        Assert.True(answer.Failure is null, $"{answer.Failure}");
        return answer;
    }

    private async Task EndAsync(params string[] ids) => await Task.WhenAll(ids.Select(id => _cluster.Mandelbox(id).Stop("test")));

    private async Task<IReadOnlyList<MandelboxDescription>> WaitingAsync() =>
        [.. (await _cluster.Host.ListMandelboxes()).Where(m => m.State == MandelboxState.Waiting && MandelboxIds.IsWaiting(m.MandelboxId))];

    private async Task UntilWaitingAsync(int count)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while ((await WaitingAsync()).Count != count)
        {
            Assert.False(late.IsCancellationRequested, string.Join(", ", await _cluster.Host.ListMandelboxes()));
        }
    }

    private async Task UntilGoneAsync(string id)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while ((await _cluster.Host.ListMandelboxes()).Any(m => m.MandelboxId == id))
        {
            Assert.False(late.IsCancellationRequested, string.Join(", ", await _cluster.Host.ListMandelboxes()));
        }
    }
}
