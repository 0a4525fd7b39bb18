using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Backend.Connection;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Input;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace HostService.Tests.Cluster;

public sealed class DeathTests
{
    public static TheoryData<string, Action<HostCluster>> FailingSteps() => new()
    {
        { "claim", c => c.Database.ClaimRefusal = "not yours" },
        { "claim", c => c.Database.Claim.FailNext(1, () => new BackendDatabaseException("the database is away")) },
        { "lease", c => c.Ports.BoundTcp[20000] = true },
        { "image", c => c.Engine.FailNext(EngineCall.FindImage) },
        { "devices", c => c.Input.Create.FailNext(1, () => new InputDeviceException("no uinput today")) },
        { "create", c => c.Engine.FailNext(EngineCall.Create) },
        { "create", c => c.Engine.FailNext(EngineCall.Create, EngineFailure.TimedOut, afterEffect: true) },
        { "start", c => c.Engine.FailNext(EngineCall.Start) },
        { "start", c => c.Engine.FailNext(EngineCall.Start, EngineFailure.Unreachable, afterEffect: true) },
        { "configs", c => c.UserConfigs.Fetch.FailNext(1, () => new InvalidOperationException("a defect of the store")) },
        { "alive", c => c.Engine.FailNext(EngineCall.Inspect, EngineFailure.Unreachable) },
        { "announce", c => c.Database.Status.FailNext(1, () => new InvalidOperationException("a defect of the database")) },
        { "directories", c => File.WriteAllText(Path.Combine(c.Root, "m1"), "in the way") },
    };

    [Theory]
    [InlineData(true, false, 137, true)]
    [InlineData(false, true, 137, true)]
    [InlineData(false, false, 137, false)]
    [InlineData(true, false, 0, false)]
    public async Task An_end_for_want_of_memory_is_told_as_such(bool announced, bool inspected, int exitCode, bool told)
    {
        var log = new RecordingLogger<MandelboxGrain>();
        await using var cluster = await new HostCluster
        {
            Replace = services => services.AddSingleton<ILogger<MandelboxGrain>>(log),
        }.StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var container = Assert.Single(cluster.Engine.Containers);
        if (announced)
        {
            await cluster.OnEventAsync("oom", container.Id);
            Assert.Contains((await cluster.Mandelbox("m1").Describe())!.Warnings, w => w.Contains("memory", StringComparison.Ordinal));
        }

        cluster.Engine.Die(container.Id, exitCode, inspected);
        await cluster.OnEventAsync("die", container.Id, exitCode);

        var ended = await log.LineAsync("m1 has gone after ").WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Contains(
            $"(its container {(told ? "ran out of memory and " : "")}ended with exit code {exitCode})", ended, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(FailingSteps), DisableDiscoveryEnumeration = true)]
    public async Task Each_failing_step_is_named_and_everything_is_released(string phase, Action<HostCluster> breakIt)
    {
        await using var cluster = await new HostCluster().StartAsync();
        breakIt(cluster);
        var request = HostCluster.Request() with { RequestedPorts = [new PortBinding(MandelboxPorts.Control, Transport.Tcp, 20000)] };
        var answer = await cluster.Mandelbox("m1").SpinUp(request);
        Assert.Equal(phase, answer.Failure!.Phase);
        Assert.NotEmpty(answer.Failure.Reason);
        File.Delete(Path.Combine(cluster.Root, "m1"));
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.AssertNothingIsHeldAsync();
        cluster.Database.ClaimRefusal = null;
        cluster.Ports.BoundTcp.Clear();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        await cluster.Mandelbox("m1").Stop("the test ends");
    }

    [Fact]
    public async Task A_row_that_was_not_claimed_is_not_deleted()
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.Database.ClaimRefusal = "not yours";
        cluster.Database.Rows["m1"] = "ALLOCATED";
        Assert.NotNull((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        Assert.Equal("ALLOCATED", cluster.Database.Rows["m1"]);
        Assert.Empty(cluster.Database.History);
    }

    [Fact]
    public async Task A_container_that_dies_releases_everything_saves_the_configs_and_deletes_its_row_last()
    {
        await using var cluster = await new HostCluster().StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        await cluster.DieAsync("m1");
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.AssertNothingIsHeldAsync();
        Assert.Equal("mandelboxes/demo", Assert.Single(cluster.UserConfigs.Saved).App);
        Assert.Equal(["m1 CONNECTING", "m1 RUNNING", "m1 DYING", "m1 gone"], cluster.Database.History);
        Assert.Null(await cluster.Mandelbox("m1").Describe());
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
    }

    [Fact]
    public async Task The_lease_is_released_before_the_configs_are_saved()
    {
        await using var cluster = await new HostCluster().StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        cluster.UserConfigs.HoldSave = new TaskCompletionSource();
        var stop = cluster.Mandelbox("m1").Stop("test");
        await cluster.Engine.Until(e => e.Containers.Count == 0);
        Assert.Null((await cluster.Mandelbox("other").SpinUp(HostCluster.Request())).Failure);
        Assert.False(stop.IsCompleted);
        Assert.Equal("duplicate", (await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure!.Phase);
        cluster.UserConfigs.HoldSave.SetResult();
        Assert.True(await stop);
    }

    [Fact]
    public async Task However_often_it_is_stopped_it_ends_once()
    {
        await using var cluster = await new HostCluster().StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var stops = Enumerable.Range(0, 10).Select(i => cluster.Mandelbox("m1").Stop($"reason {i}")).ToList();
        await cluster.DieAsync("m1");
        await Task.WhenAll(stops);
        Assert.Single(cluster.UserConfigs.Saved);
        Assert.Equal(1, cluster.Engine.CallsOf(EngineCall.Remove));
        Assert.Single(cluster.Database.History, "m1 gone");
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task The_lease_is_kept_until_the_engine_reports_the_containers_end_and_the_undo_is_retried()
    {
        await using var cluster = await new HostCluster { Configure = o => o.RetryAfter = TimeSpan.FromMinutes(5) }.StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        cluster.Engine.FailNext(EngineCall.Stop, EngineFailure.Unreachable);
        cluster.Engine.FailNext(EngineCall.Remove, EngineFailure.Unreachable);
        Assert.True(await cluster.Mandelbox("m1").Stop("test"));
        var host = await cluster.Host.Describe();
        Assert.Equal((1, 1), (host.Ttys.Used, host.Mandelboxes));
        Assert.Equal(MandelboxState.Dying, (await cluster.Mandelbox("m1").Describe())!.State);

        await cluster.DieAsync("m1");
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task While_the_container_may_still_run_its_configs_directories_devices_and_drives_are_left_alone()
    {
        await using var cluster = await new HostCluster { Configure = o => o.RetryAfter = TimeSpan.FromMinutes(5) }.StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        Assert.Null(await cluster.Mandelbox("m1").MountCloudStorage(new CloudDrive { Provider = "dropbox" }));
        var paths = new MandelboxPaths(cluster.Root, "m1");
        cluster.Engine.FailNext(EngineCall.Stop, EngineFailure.Unreachable);
        cluster.Engine.FailNext(EngineCall.Remove, EngineFailure.Unreachable);

        Assert.True(await cluster.Mandelbox("m1").Stop("test"));

        Assert.True((await cluster.Mandelbox("m1").Describe())!.ContainerMayRun);
        Assert.Empty(cluster.UserConfigs.Saved);
        Assert.True(File.Exists(Path.Combine(paths.ResourceMappings, ".ready")));
        Assert.True(Directory.Exists(paths.UserConfigs));
        Assert.True(Directory.Exists(paths.Sockets));
        Assert.Equal(1, cluster.Input.Open);
        Assert.Contains("m1", cluster.CloudStorage.Mounted.Keys);

        await cluster.DieAsync("m1");
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        Assert.Single(cluster.UserConfigs.Saved);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task An_event_about_another_container_or_an_unknown_mandelbox_changes_nothing()
    {
        await using var cluster = await new HostCluster().StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var container = cluster.Engine.Containers.Single();
        var unlabelled = new Dictionary<string, string>();
        foreach (var happened in new[]
        {
            new ContainerEvent("die", "another", container.Labels, 0, DateTimeOffset.UtcNow),
            new ContainerEvent("die", "foreign", unlabelled, 0, DateTimeOffset.UtcNow),
            new ContainerEvent("oom", container.Id, container.Labels, null, DateTimeOffset.UtcNow),
        })
        {
            await cluster.Events.OnEventAsync(happened, CancellationToken.None);
        }

        Assert.Equal(MandelboxState.Running, (await cluster.Mandelbox("m1").Describe())!.State);
    }

    [Fact]
    public async Task Containers_that_died_while_the_event_stream_was_interrupted_are_found_by_the_comparison()
    {
        await using var cluster = await new HostCluster().StartAsync();
        await Task.WhenAll(Enumerable.Range(1, 3).Select(i => cluster.Mandelbox($"m{i}").SpinUp(HostCluster.Request())));
        cluster.Engine.Die("mandelboxes-demo-m1");
        await cluster.Engine.RemoveAsync("mandelboxes-demo-m2", CancellationToken.None);
        await cluster.Events.ReconcileAsync(CancellationToken.None);
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.Watcher.Until("m2", MandelboxState.Gone);
        Assert.Equal("m3", Assert.Single(await cluster.Host.ListMandelboxes()).MandelboxId);
    }

    [Fact]
    public async Task A_drive_that_is_being_mounted_when_the_mandelbox_is_stopped_is_unmounted()
    {
        await using var cluster = await new HostCluster().StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        cluster.CloudStorage.HoldMount = new TaskCompletionSource();
        var mount = cluster.Mandelbox("m1").MountCloudStorage(new CloudDrive { Provider = "dropbox" });
        var stop = cluster.Mandelbox("m1").Stop("test");
        await cluster.Watcher.Until("m1", MandelboxState.Dying);
        cluster.CloudStorage.HoldMount.SetResult();
        await mount;
        await stop;
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task A_container_that_is_being_created_when_the_mandelbox_is_stopped_is_awaited_and_removed()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var held = cluster.Engine.Hold(EngineCall.Create);
        var spinUp = cluster.Mandelbox("m1").SpinUp(HostCluster.Request());
        await held.Entered;
        var stop = cluster.Mandelbox("m1").Stop("test");
        await cluster.Watcher.Until("m1", MandelboxState.Dying);
        held.Release();

        // The creation is cancelled, or done before it can be; the answer is the stop's reason in both cases.
        Assert.Equal("test", (await spinUp).Failure!.Reason);
        await stop;
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task Stopping_an_unknown_mandelbox_is_false_and_leaves_no_trace()
    {
        await using var cluster = await new HostCluster().StartAsync();
        Assert.False(await cluster.Mandelbox("nobody").Stop("test"));
        Assert.Null(await cluster.Mandelbox("nobody").Describe());
        Assert.Empty(await cluster.Host.ListMandelboxes());
    }
}
