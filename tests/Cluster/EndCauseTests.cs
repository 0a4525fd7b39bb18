using HostService.GrainInterfaces;
using HostService.Tests.Support;

namespace HostService.Tests.Cluster;

/// <summary>Why mandelboxes ended, told to people afterwards.</summary>
public sealed class EndCauseTests
{
    [Theory]
    [InlineData(0, false, EndCause.UserLeft)]
    [InlineData(3, false, EndCause.AppExited)]
    [InlineData(137, false, EndCause.Killed)]
    [InlineData(137, true, EndCause.OutOfMemory)]
    public async Task The_exit_code_of_its_container_tells_why_it_ended(int exitCode, bool outOfMemory, EndCause cause)
    {
        await using var cluster = await new HostCluster().StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var container = Assert.Single(cluster.Engine.Containers);

        cluster.Engine.Die(container.Id, exitCode, outOfMemory);
        await cluster.OnEventAsync("die", container.Id, exitCode);

        Assert.Equal(cause, (await EndedAsync(cluster)).EndCause);
    }

    [Theory]
    [InlineData(137, EndCause.Killed)]
    [InlineData(255, EndCause.AppExited)]
    public async Task An_exit_code_that_the_event_does_not_know_is_looked_up(int exitCode, EndCause cause)
    {
        await using var cluster = await new HostCluster().StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var container = Assert.Single(cluster.Engine.Containers);

        // The engine's event of a container whose shim was killed.
        cluster.Engine.Die(container.Id, exitCode);
        await cluster.OnEventAsync("die", container.Id, exitCode: 255);

        var ended = await EndedAsync(cluster);
        Assert.Equal((cause, exitCode), (ended.EndCause, ended.ExitCode));
        Assert.Equal($"its container ended with exit code {exitCode}", ended.EndReason);
    }

    [Fact]
    public async Task A_container_that_somebody_removed_is_told_apart_from_one_that_was_killed()
    {
        await using var cluster = await new HostCluster().StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var container = Assert.Single(cluster.Engine.Containers);

        await cluster.Engine.RemoveAsync(container.Id, CancellationToken.None);
        await cluster.Mandelbox("m1").ContainerDied(new ContainerDeath(container.Id, ExitCode: 137));

        Assert.Equal((EndCause.Removed, 137), ((await EndedAsync(cluster)).EndCause, (await EndedAsync(cluster)).ExitCode));
    }

    [Theory]
    [InlineData(EndCause.Operator)]
    [InlineData(EndCause.HostStopped)]
    [InlineData(EndCause.DrainLimit)]
    [InlineData(EndCause.QuotaExceeded)]
    public async Task Whoever_ends_it_says_why(EndCause cause)
    {
        await using var cluster = await new HostCluster().StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);

        await cluster.Mandelbox("m1").Stop("for this reason", cause);

        var ended = await EndedAsync(cluster);
        Assert.Equal((cause, "for this reason"), (ended.EndCause, ended.EndReason));
    }

    [Fact]
    public async Task A_failed_spin_up_is_told_with_the_states_that_it_reached_and_its_first_cause()
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.Engine.FailNext(EngineCall.Start);
        Assert.NotNull((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        await cluster.Mandelbox("m1").Stop("too late");

        var ended = await EndedAsync(cluster);

        Assert.Equal(EndCause.StartFailed, ended.EndCause);
        Assert.Equal(
            [MandelboxState.Allocated, MandelboxState.Leased, MandelboxState.Created, MandelboxState.Dying, MandelboxState.Gone],
            ended.Phases.Select(phase => phase.State));
        Assert.Equal(ended.Phases.Select(phase => phase.Since).Order(), ended.Phases.Select(phase => phase.Since));
    }

    [Fact]
    public async Task The_last_thousand_are_kept_the_newest_first()
    {
        await using var cluster = await new HostCluster().StartAsync();
        for (var i = 0; i < 1003; i++)
        {
            var mandelbox = new MandelboxDescription
            {
                MandelboxId = $"m{i}",
                State = MandelboxState.Dying,
                Since = DateTimeOffset.UnixEpoch,
                CreatedAt = DateTimeOffset.UnixEpoch,
            };
            await cluster.Host.Report(mandelbox);

            // The last report may come twice.
            await cluster.Host.Report(mandelbox with { State = MandelboxState.Gone });
            await cluster.Host.Report(mandelbox with { State = MandelboxState.Gone });
        }

        var ended = await cluster.Host.ListEnded(1000);

        Assert.Equal((1000, "m1002", "m3"), (ended.Count, ended[0].MandelboxId, ended[^1].MandelboxId));
        Assert.Equal(["m1002", "m1001"], (await cluster.Host.ListEnded(2)).Select(m => m.MandelboxId));
    }

    private static async Task<MandelboxDescription> EndedAsync(HostCluster cluster)
    {
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        return Assert.Single(await cluster.Host.ListEnded(10));
    }
}
