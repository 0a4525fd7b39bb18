using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;

namespace HostService.Tests.Packages.Orleans;

/// <summary>What activations did, in order, and what they are to do wrong.</summary>
public sealed class Diary
{
    private readonly ConcurrentDictionary<string, ConcurrentQueue<string>> _entries = new();

    public ConcurrentDictionary<string, int> FailuresLeft { get; } = new();

    public void Write(string key, string entry) => _entries.GetOrAdd(key, _ => new()).Enqueue(entry);

    public string[] Read(string key) => _entries.TryGetValue(key, out var entries) ? [.. entries] : [];
}

public interface ILivingGrain : IGrainWithStringKey
{
    Task<Guid> Activation();

    Task GoWhenIdle();

    Task GoAndWait(string gate);

    Task Stay(TimeSpan time);
}

public interface ISteadyGrain : ILivingGrain;

public class LivingGrain(Diary diary, Gates gates) : Grain, ILivingGrain, IDisposable
{
    private readonly Guid _activation = Guid.NewGuid();

    private string Key => this.GetPrimaryKeyString();

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        diary.Write(Key, "activate");
        if (diary.FailuresLeft.TryGetValue(Key, out var left) && left > 0)
        {
            diary.FailuresLeft[Key] = left - 1;
            throw new InvalidOperationException("will not wake up");
        }

        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        diary.Write(Key, $"deactivate {reason.ReasonCode}");
        gates.Reach("gone" + Key);
        return Task.CompletedTask;
    }

    public Task<Guid> Activation()
    {
        diary.Write(Key, "call");
        return Task.FromResult(_activation);
    }

    public Task GoWhenIdle()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public async Task GoAndWait(string gate)
    {
        DeactivateOnIdle();
        await gates.Pass(gate);
        diary.Write(Key, "ended");
    }

    public Task Stay(TimeSpan time)
    {
        DelayDeactivation(time);
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        diary.Write(Key, "dispose");
        GC.SuppressFinalize(this);
    }
}

[KeepAlive]
public sealed class SteadyGrain(Diary diary, Gates gates) : LivingGrain(diary, gates), ISteadyGrain;

public interface IUnmakeableGrain : IGrainWithStringKey
{
    Task Call();
}

public sealed class UnmakeableGrain : Grain, IUnmakeableGrain
{
    public UnmakeableGrain() => throw new NotSupportedException("cannot be made");

    public Task Call() => Task.CompletedTask;
}

public sealed class LifeTests(LifeTests.LivingCluster cluster) : IClassFixture<LifeTests.LivingCluster>
{
    private readonly string _key = Guid.NewGuid().ToString("N");

    private ILivingGrain Grain => cluster.Grains.GetGrain<ILivingGrain>(_key, typeof(LivingGrain).FullName);

    private Diary Diary => cluster.Diary;

    [Fact]
    public async Task A_grain_wakes_up_before_its_first_call()
    {
        await Grain.Activation();
        Assert.Equal(["activate", "call"], Diary.Read(_key));
    }

    [Fact]
    public async Task A_failure_to_wake_up_reaches_the_caller_and_the_next_call_tries_afresh()
    {
        Diary.FailuresLeft[_key] = 1;
        Assert.Equal("will not wake up", (await Assert.ThrowsAsync<InvalidOperationException>(() => Grain.Activation())).Message);
        await Grain.Activation();
        Assert.Equal(["activate", "call"], Diary.Read(_key).Where(e => e != "dispose").TakeLast(2));
        Assert.DoesNotContain(Diary.Read(_key), e => e.StartsWith("deactivate", StringComparison.Ordinal));
    }

    [Fact]
    public async Task All_who_wait_for_a_grain_that_fails_to_wake_up_hear_of_it()
    {
        Diary.FailuresLeft[_key] = 1;
        var calls = Enumerable.Range(0, 5).Select(_ => Record.ExceptionAsync(() => Grain.Activation())).ToList();
        Assert.Contains(await Task.WhenAll(calls), e => e is InvalidOperationException);
    }

    [Fact]
    public async Task A_grain_that_cannot_be_made_fails_its_callers()
    {
        var exception = await Record.ExceptionAsync(() => cluster.Grains.GetGrain<IUnmakeableGrain>(_key).Call());
        Assert.Contains("cannot be made", exception!.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_grain_that_asks_to_go_is_replaced_by_the_next_call()
    {
        var first = await Grain.Activation();
        await Grain.GoWhenIdle();
        await cluster.Gates.Reached("gone" + _key);
        Assert.NotEqual(first, await Grain.Activation());
        Assert.Contains("deactivate ApplicationRequested", Diary.Read(_key));
    }

    [Fact]
    public async Task A_grain_goes_only_once_its_calls_have_ended_and_new_calls_go_to_the_next()
    {
        var first = await Grain.Activation();
        var going = Grain.GoAndWait("gate" + _key);
        await cluster.Gates.Reached("gate" + _key);
        var next = Grain.Activation();
        Assert.False(next.IsCompleted);
        cluster.Gates.Open("gate" + _key);
        await going;
        Assert.NotEqual(first, await next);
        var entries = Diary.Read(_key).Where(e => e != "dispose").ToArray();
        Assert.Equal(["activate", "call", "ended", "deactivate ApplicationRequested", "activate", "call"], entries);
    }

    [Fact]
    public async Task A_grain_that_has_gone_is_disposed()
    {
        await Grain.Activation();
        var gone = cluster.Running.WaitForDeactivationAsync(Grain.GetGrainId());
        await Grain.GoWhenIdle();
        await gone.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Contains("dispose", Diary.Read(_key));
    }

    [Fact]
    public async Task A_test_can_send_a_grain_away()
    {
        var first = await Grain.Activation();
        await cluster.Running.DeactivateAsync(Grain);
        Assert.NotEqual(first, await Grain.Activation());
    }

    [Fact]
    public async Task Grains_that_nobody_calls_go_and_those_that_asked_to_stay_do_not()
    {
        // A cluster of its own: on the other tests' one, a machine that stands still for a moment would send their grains away, too.
        var diary = new Diary();
        await using var hasty = await Cluster.Start(silo =>
        {
            silo.Services.AddSingleton(diary);
            silo.Configure<GrainCollectionOptions>(options =>
            {
                options.CollectionQuantum = TimeSpan.FromMilliseconds(500);
                options.CollectionAge = TimeSpan.FromSeconds(2);
            });
        });
        await hasty.Grains.GetGrain<ILivingGrain>("patient", typeof(LivingGrain).FullName).Stay(TimeSpan.FromMinutes(5));
        await hasty.Grains.GetGrain<ISteadyGrain>("steady").Activation();
        await hasty.Grains.GetGrain<ILivingGrain>("idle", typeof(LivingGrain).FullName).Activation();
        await hasty.Gates.Reached("goneidle");
        Assert.Contains("deactivate ActivationIdle", diary.Read("idle"));
        Assert.DoesNotContain("deactivate ActivationIdle", diary.Read("patient"));
        Assert.DoesNotContain("deactivate ActivationIdle", diary.Read("steady"));
    }

    [Fact]
    public async Task A_silo_that_stops_sends_all_its_grains_away_and_says_why()
    {
        var diary = new Diary();
        var silo = await Cluster.Start(s => s.Services.AddSingleton(diary));
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => silo.Grains.GetGrain<ILivingGrain>($"{i}", typeof(LivingGrain).FullName).Activation()));
        await silo.DisposeAsync();
        Assert.All(Enumerable.Range(0, 20), i => Assert.Contains("deactivate ShuttingDown", diary.Read($"{i}")));
    }

    public sealed class LivingCluster : Cluster
    {
        public Diary Diary { get; } = new();

        protected override void Configure(ISiloBuilder silo) => silo.Services.AddSingleton(Diary);
    }
}
