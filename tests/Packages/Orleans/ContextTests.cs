namespace HostService.Tests.Packages.Orleans;

public interface IContextGrain : IGrainWithStringKey
{
    /// <summary>What the runtime says to code of the grain that runs on some other thread; empty where it says nothing.</summary>
    Task<string[]> FromOutside();

    /// <summary>Leaves work behind that outlives the activation: it goes on at the gate <c>late…</c>.</summary>
    Task LeaveWork();
}

public sealed class ContextGrain(Gates gates, Diary diary) : Grain, IContextGrain
{
    private string Key => this.GetPrimaryKeyString();

    public Task<string[]> FromOutside() => Task.Run(() => new[]
    {
        Try(() => GrainFactory.GetGrain<IContextGrain>("other")),
        Try(() => this.RegisterGrainTimer(() => Task.CompletedTask, TimeSpan.FromHours(1), TimeSpan.FromHours(1)).Dispose()),
        Try(() => DelayDeactivation(TimeSpan.FromMinutes(1))),
        Try(DeactivateOnIdle),
    });

    public Task LeaveWork()
    {
        _ = WorkAsync();
        return Task.CompletedTask;
    }

    private async Task WorkAsync()
    {
        var other = GrainFactory.GetGrain<ITurnsGrain>("other" + Key);
        await gates.Pass("late" + Key);
        diary.Write(Key, Try(() => GrainFactory.GetGrain<IContextGrain>("other")));
        diary.Write(Key, Try(() => this.RegisterGrainTimer(() => Task.CompletedTask, TimeSpan.FromHours(1), TimeSpan.FromHours(1)).Dispose()));
        diary.Write(Key, Try(() => DelayDeactivation(TimeSpan.Zero)));
        diary.Write(Key, Try(DeactivateOnIdle));

        // A reference from before is as good as ever.
        diary.Write(Key, $"{await other.Add(3)}");
        gates.Reach("worked" + Key);
    }

    private static string Try(Action action)
    {
        try
        {
            action();
            return "";
        }
        catch (InvalidOperationException exception)
        {
            return exception.Message;
        }
    }
}

/// <summary>Who may use what a grain is given, and how long.</summary>
public sealed class ContextTests(LifeTests.LivingCluster cluster) : IClassFixture<LifeTests.LivingCluster>
{
    private readonly string _key = Guid.NewGuid().ToString("N");

    [Fact]
    public async Task Other_grains_and_timers_are_for_the_grains_own_turns()
    {
        var said = await cluster.Grains.GetGrain<IContextGrain>(_key).FromOutside();
        Assert.StartsWith("Activation access violation", said[0], StringComparison.Ordinal);
        Assert.StartsWith("Activation access violation", said[1], StringComparison.Ordinal);
        Assert.Equal(["", ""], said[2..]);
    }

    [Fact]
    public async Task Work_that_outlives_its_activation_is_refused_the_grains_services_but_not_references_that_it_has()
    {
        var grain = cluster.Grains.GetGrain<IContextGrain>(_key);
        await grain.LeaveWork();
        await cluster.Gates.Reached("late" + _key);
        await cluster.Running.DeactivateAsync(grain).WaitAsync(TimeSpan.FromSeconds(20));
        cluster.Gates.Open("late" + _key);
        await cluster.Gates.Reached("worked" + _key);
        var said = cluster.Diary.Read(_key);
        Assert.All(said[..4], s => Assert.StartsWith("Attempt to access an invalid activation", s, StringComparison.Ordinal));
        Assert.Equal("3", said[4]);
    }
}
