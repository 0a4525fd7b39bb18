using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;

namespace HostService.Tests.Cluster;

/// <summary>Starts that fail for a passing reason are retried with another lease and another container.</summary>
public sealed class StartRetryTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_port_that_is_taken_between_lease_and_start_is_replaced(int times)
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.Engine.FailNext(EngineCall.Start, EngineFailure.PortTaken, times);

        var answer = await cluster.Mandelbox("m1").SpinUp(HostCluster.Request());

        Assert.Null(answer.Failure);
        var lease = (await cluster.Mandelbox("m1").Describe())!.Lease!;
        var container = Assert.Single(cluster.Engine.Containers);
        Assert.Equal(lease.Id, ContainerLabels.Read(container.Labels, container.Name)!.Id);
        Assert.Equal(lease.HostPortFor(MandelboxPorts.Control), answer.Access!.Port32262);
        Assert.Equal(
            $"{answer.Access.Port32262}",
            await File.ReadAllTextAsync(
                Path.Combine(new MandelboxPaths(cluster.Root, "m1").ResourceMappings, "hostPort_for_my_32262_tcp")));
        Assert.Equal(times + 1, cluster.Engine.Calls.Count(c => c.Call == EngineCall.Create));
        Assert.Equal((1, 2, 1), await UsedAsync(cluster));
        Assert.Equal(
            [MandelboxState.Leased, MandelboxState.Created, MandelboxState.Started],
            cluster.Watcher.StatesOf("m1").Where(s => s is MandelboxState.Leased or MandelboxState.Created or MandelboxState.Started));

        Assert.True(await cluster.Mandelbox("m1").Stop("test"));
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task After_the_third_taken_port_the_spin_up_fails_and_everything_is_released()
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.Engine.FailNext(EngineCall.Start, EngineFailure.PortTaken, times: 3);

        Assert.Equal("start", (await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure!.Phase);

        Assert.Equal(3, cluster.Engine.CallsOf(EngineCall.Start));
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task A_requested_port_that_is_taken_is_refused_and_named()
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.Engine.FailNext(EngineCall.Start, () =>
        {
            cluster.Ports.BoundTcp[20000] = true;
            return new ContainerEngineException(EngineFailure.PortTaken, "port is already allocated");
        });
        var request = HostCluster.Request() with { RequestedPorts = [new PortBinding(MandelboxPorts.Control, Transport.Tcp, 20000)] };

        var failure = (await cluster.Mandelbox("m1").SpinUp(request)).Failure!;

        Assert.Equal("lease", failure.Phase);
        Assert.Contains("20000/tcp is in use by another program", failure.Reason, StringComparison.Ordinal);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task A_container_that_is_pruned_before_its_start_is_created_again()
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.Engine.BeforeAnswerOf(
            EngineCall.Create, () => cluster.Engine.RemoveAsync(Assert.Single(cluster.Engine.Containers).Id, CancellationToken.None));

        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);

        Assert.Equal((await cluster.Mandelbox("m1").Describe())!.ContainerId, Assert.Single(cluster.Engine.Containers).Id);
        Assert.Equal((1, 2, 1), await UsedAsync(cluster));
    }

    [Fact]
    public async Task A_stop_ends_the_retries()
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.Engine.FailNext(EngineCall.Start, EngineFailure.PortTaken);
        using var held = cluster.Engine.Hold(EngineCall.Remove);
        var spinUp = cluster.Mandelbox("m1").SpinUp(HostCluster.Request());
        await held.Entered;

        var stop = cluster.Mandelbox("m1").Stop("the operator asked for it");
        await cluster.Watcher.Until("m1", MandelboxState.Dying);
        held.Release();

        Assert.Contains("the operator asked for it", (await spinUp).Failure!.Reason, StringComparison.Ordinal);
        Assert.True(await stop);
        Assert.Equal(1, cluster.Engine.CallsOf(EngineCall.Create));
        await cluster.AssertNothingIsHeldAsync();
    }

    private static async Task<(int Ttys, int TcpPorts, int UdpPorts)> UsedAsync(HostCluster cluster)
    {
        var host = await cluster.Host.Describe();
        return (host.Ttys.Used, host.TcpPorts.Used, host.UdpPorts.Used);
    }
}
