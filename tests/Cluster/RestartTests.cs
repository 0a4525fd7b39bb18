using HostService.GrainInterfaces;
using HostService.Infrastructure;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Cluster;

/// <summary>A restart of the service that leaves its mandelboxes to the next run.</summary>
public sealed class RestartTests
{
    [Fact]
    public async Task One_that_runs_is_left_as_it_is_when_the_silo_stops()
    {
        await using var cluster = await new HostCluster().StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);

        Assert.True(await cluster.Mandelbox("m1").HandOver());
        await cluster.DeactivateAsync("m1");

        Assert.True(Assert.Single(cluster.Engine.Containers).Running);
        Assert.Equal(1, cluster.Input.Open);
        Assert.Equal(1, (await cluster.Host.Describe()).Ttys.Used);
    }

    [Fact]
    public async Task A_spin_up_and_an_end_in_progress_are_waited_for()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var held = cluster.Engine.Hold(EngineCall.Start);
        var spinUp = cluster.Mandelbox("m1").SpinUp(HostCluster.Request());
        await held.Entered;
        Assert.False(await cluster.Mandelbox("m1").HandOver());

        held.Release();
        Assert.Null((await spinUp).Failure);
        Assert.True(await cluster.Mandelbox("m1").HandOver());

        Assert.True(await cluster.Mandelbox("m1").Stop("test"));
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        Assert.True(await cluster.Mandelbox("m1").HandOver());
        await cluster.AssertNothingIsHeldAsync();
    }

    [Theory]
    [InlineData("reattach", null, "this host is Starting")]
    [InlineData("refuse", HostStatus.Active, "Host__OnLeftovers=reattach")]
    [InlineData("reclaim", HostStatus.Active, "Host__OnLeftovers=reattach")]
    [InlineData("reattach", HostStatus.Draining, "this host is Draining")]
    [InlineData("reattach", HostStatus.Active, null)]
    public async Task Only_an_active_host_whose_next_run_reattaches_restarts(string onLeftovers, HostStatus? status, string? refusal)
    {
        await using var cluster = await new HostCluster
        {
            Start = false,
            Replace = services => services.Configure<HostOptions>(o => o.OnLeftovers = onLeftovers),
        }.StartAsync();
        if (status is { } reached)
        {
            await cluster.Host.SetStatus(reached);
        }

        await AssertRestartAsync(cluster, refusal);
    }

    [Fact]
    public async Task A_mounted_drive_and_a_container_of_the_agents_would_be_lost_so_it_is_refused()
    {
        await using var cluster = await new HostCluster
        {
            Replace = services => services.Configure<HostOptions>(o => o.OnLeftovers = "reattach"),
        }.StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        Assert.Null(await cluster.Mandelbox("m1").MountCloudStorage(new CloudDrive { Provider = "dropbox" }));
        await AssertRestartAsync(cluster, "mandelbox m1 cannot go on without the service: its cloud drive");
        await cluster.Mandelbox("m1").Stop("test");
        await cluster.Watcher.Until("m1", MandelboxState.Gone);

        var container = await cluster.MakeForeignAsync("ecs-task", new PortBinding(MandelboxPorts.Control, Transport.Tcp, 23456));
        await cluster.Mandelbox("m2").RegisterContainer(container);
        await cluster.StartForeignAsync(container);
        await AssertRestartAsync(cluster, "mandelbox m2 cannot go on without the service: the ECS agent");
        await cluster.DieForeignAsync(container);
        await cluster.Watcher.Until("m2", MandelboxState.Gone);

        await AssertRestartAsync(cluster, null);
    }

    [Fact]
    public async Task A_drive_that_was_not_mounted_costs_no_restart()
    {
        await using var cluster = await new HostCluster
        {
            Replace = services => services.Configure<HostOptions>(o => o.OnLeftovers = "reattach"),
        }.StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        cluster.CloudStorage.Refusal = "the token has expired";
        Assert.NotNull(await cluster.Mandelbox("m1").MountCloudStorage(new CloudDrive { Provider = "dropbox" }));
        await AssertRestartAsync(cluster, null);
    }

    [Fact]
    public async Task A_mounted_drive_counts_also_after_another_could_not_be_mounted()
    {
        await using var cluster = await new HostCluster
        {
            Replace = services => services.Configure<HostOptions>(o => o.OnLeftovers = "reattach"),
        }.StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        Assert.Null(await cluster.Mandelbox("m1").MountCloudStorage(new CloudDrive { Provider = "dropbox" }));
        cluster.CloudStorage.Refusal = "the token has expired";
        Assert.NotNull(await cluster.Mandelbox("m1").MountCloudStorage(new CloudDrive { Provider = "google_drive" }));
        await AssertRestartAsync(cluster, "its cloud drive");
    }

    private static async Task AssertRestartAsync(HostCluster cluster, string? refusal)
    {
        var answer = await cluster.Host.RequestRestart();
        if (refusal is null)
        {
            Assert.Null(answer);
        }
        else
        {
            Assert.Contains(refusal, answer, StringComparison.Ordinal);
        }

        Assert.Equal(refusal is null ? 1 : 0, cluster.Restarts);
    }
}
