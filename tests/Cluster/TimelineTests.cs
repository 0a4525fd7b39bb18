using HostService.GrainInterfaces;
using HostService.Tests.Support;

namespace HostService.Tests.Cluster;

/// <summary>Each step of a mandelbox's life, while it lives and after it.</summary>
public sealed class TimelineTests
{
    [Fact]
    public async Task A_failed_step_is_there_with_its_reason_and_the_undo_of_all_that_was_begun()
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.Engine.FailNext(EngineCall.Start);
        Assert.NotNull((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        await cluster.Watcher.Until("m1", MandelboxState.Gone);

        var timeline = await cluster.Host.FindEnded("m1");

        Assert.NotNull(timeline);
        Assert.Equal(("m1", "start"), (timeline.Mandelbox.MandelboxId, timeline.Mandelbox.FailedStep));
        var failed = Assert.Single(timeline.Steps, step => step.Failure is not null);
        Assert.Equal(("start", false, "Start fails because the test asked for it."), (failed.Name, failed.Undo, failed.Failure));
        Assert.All(timeline.Steps, step => Assert.NotNull(step.Milliseconds));
        var undone = timeline.Steps.Where(step => step.Undo).Select(step => step.Name).ToList();
        Assert.True(undone.IndexOf("start") < undone.IndexOf("create") && undone.IndexOf("create") < undone.IndexOf("directories"));
        Assert.DoesNotContain(timeline.Steps, step => step.Name == "state");
        Assert.Null(await cluster.Mandelbox("m1").DescribeSteps());
    }

    [Fact]
    public async Task A_step_that_runs_has_no_end_yet()
    {
        await using var cluster = await new HostCluster().StartAsync();
        using var creation = cluster.Engine.Hold(EngineCall.Create);
        var spinUp = cluster.Mandelbox("m1").SpinUp(HostCluster.Request());
        await creation.Entered;

        var steps = (await cluster.Mandelbox("m1").DescribeSteps())!.Steps;

        Assert.Null(steps.Single(step => step.Name == "create").Milliseconds);
        Assert.NotNull(steps.First(step => step.Name == "lease").Milliseconds);
        creation.Release();
        Assert.Null((await spinUp).Failure);
        Assert.All((await cluster.Mandelbox("m1").DescribeSteps())!.Steps, step => Assert.NotNull(step.Milliseconds));
    }

    [Fact]
    public async Task An_undo_that_failed_is_there_with_each_try()
    {
        await using var cluster = await new HostCluster().StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        cluster.Engine.FailNext(EngineCall.Remove, times: 2);

        await cluster.Mandelbox("m1").Stop("test");
        await cluster.Watcher.Until("m1", MandelboxState.Gone);

        var tries = (await cluster.Host.FindEnded("m1"))!.Steps.Where(step => step is { Name: "create", Undo: true }).ToList();
        Assert.Equal([true, true, false], tries.Select(step => step.Failure is not null));
    }

    [Fact]
    public async Task The_last_one_of_an_id_is_found_and_one_that_never_was_is_not()
    {
        await using var cluster = await new HostCluster().StartAsync();
        foreach (var session in new[] { 1UL, 2UL })
        {
            Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request(session: session))).Failure);
            await cluster.Mandelbox("m1").Stop("test");
        }

        Assert.Equal(2UL, (await cluster.Host.FindEnded("m1"))!.Mandelbox.SessionId);
        Assert.Null(await cluster.Host.FindEnded("m2"));
    }
}
