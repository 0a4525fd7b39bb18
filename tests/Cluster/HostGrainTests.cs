using HostService.GrainInterfaces;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;

namespace HostService.Tests.Cluster;

public sealed class HostGrainTests
{
    private static LeaseRequest Request(string id = "m") => new(Guid.NewGuid(), id);

    [Theory]
    [InlineData(HostEnvironment.LocalDev, HostStatus.Draining, false)]
    [InlineData(HostEnvironment.Dev, HostStatus.Draining, true)]
    [InlineData(HostEnvironment.Dev, HostStatus.Closed, false)]
    public async Task A_draining_host_accepts_only_what_its_environment_allows(HostEnvironment environment, HostStatus status, bool takes)
    {
        var gpu = new GpuDescription { Index = 0, Name = "T4", Uuid = "GPU-0" };
        await using var cluster = await new HostCluster { Environment = environment, Gpus = [gpu] }.StartAsync();
        await cluster.Host.SetStatus(status);
        var answer = await cluster.Host.AcquireLease(Request());
        Assert.Equal(takes, answer.Lease is not null);
        Assert.Equal(takes, answer.Refusal is null);
    }

    [Fact]
    public async Task Status_only_moves_forward()
    {
        await using var cluster = await new HostCluster().StartAsync();
        await cluster.Host.SetStatus(HostStatus.Closed);
        await cluster.Host.SetStatus(HostStatus.Active);
        Assert.Equal(HostStatus.Closed, (await cluster.Host.Describe()).Status);
    }

    [Fact]
    public async Task An_unhealthy_gpu_gets_no_new_mandelbox()
    {
        var gpu = new GpuDescription { Index = 0, Name = "T4", Uuid = "GPU-0" };
        await using var cluster = await new HostCluster { Gpus = [gpu] }.StartAsync();
        await cluster.Host.ReportGpus(new[] { gpu with { Unhealthy = "XID 79" } });
        Assert.Contains("XID 79", (await cluster.Host.AcquireLease(Request())).Refusal, StringComparison.Ordinal);
        await cluster.Host.ReportGpus(new[] { gpu });
        Assert.Equal(0, (await cluster.Host.AcquireLease(Request())).Lease!.GpuIndex);
    }

    [Fact]
    public async Task A_host_without_a_healthy_gpu_is_not_ready()
    {
        var gpu = new GpuDescription { Index = 0, Name = "T4", Uuid = "GPU-0" };
        await using var cluster = await new HostCluster { Gpus = [gpu] }.StartAsync();

        await cluster.Host.ReportGpus(new[] { gpu with { Unhealthy = "XID 79" } });
        Assert.Equal(["every GPU is out of service: GPU 0: XID 79"], (await cluster.Host.Describe()).NotReady);

        await cluster.Host.ReportGpus(new[] { gpu });
        Assert.Empty((await cluster.Host.Describe()).NotReady);
    }

    [Fact]
    public async Task Causes_of_not_being_ready_are_listed_until_they_are_removed()
    {
        await using var cluster = await new HostCluster().StartAsync();
        await cluster.Host.SetNotReady("engine", "the engine is away");
        await cluster.Host.SetNotReady("database", "the database is away");
        Assert.Equal(["the database is away", "the engine is away"], (await cluster.Host.Describe()).NotReady);
        await cluster.Host.SetNotReady("engine", null);
        Assert.Equal(["the database is away"], (await cluster.Host.Describe()).NotReady);
    }

    [Fact]
    public async Task A_shutdown_request_reaches_the_service()
    {
        await using var cluster = await new HostCluster().StartAsync();
        await cluster.Host.RequestShutdown("a gateway elsewhere asks", force: true);
        Assert.Equal([("a gateway elsewhere asks", true)], cluster.Shutdowns);
    }

    [Fact]
    public async Task A_draining_host_whose_grace_is_over_refuses_also_what_was_assigned_and_says_why()
    {
        await using var cluster = await new HostCluster
        {
            Environment = HostEnvironment.Dev,
            Gpus = [new GpuDescription { Index = 0, Name = "T4", Uuid = "GPU-0" }],
        }.StartAsync();
        await cluster.Host.SetStatus(HostStatus.Draining);
        Assert.NotNull((await cluster.Host.AcquireLease(Request())).Lease);

        await cluster.Host.RefuseSpinUps();
        Assert.Contains("draining", (await cluster.Host.AcquireLease(Request("m2"))).Refusal, StringComparison.Ordinal);
        Assert.Contains("draining", (await cluster.Host.AdoptLease(Guid.NewGuid(), "m3", [])).Refusal, StringComparison.Ordinal);
        Assert.Equal(HostStatus.Draining, (await cluster.Host.Describe()).Status);
    }

    [Fact]
    public async Task There_is_one_host_grain_and_a_call_to_another_is_told_its_name()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var error = await Assert.ThrowsAnyAsync<Exception>(() => cluster.HostNamed("somebody-else").AcquireLease(Request()));
        Assert.Contains(
            $"There is no host somebody-else here: this one is {HostCluster.InstanceName}", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Spin_ups_that_fail_in_a_row_through_the_host_make_it_not_ready_until_one_succeeds()
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.Engine.FailNext(EngineCall.Start, () => new ContainerEngineException(EngineFailure.Refused, "iptables: No chain"), times: 3);
        for (var i = 1; i <= 3; i++)
        {
            Assert.Empty((await cluster.Host.Describe()).NotReady);
            Assert.Equal("start", (await cluster.Mandelbox($"m{i}").SpinUp(HostCluster.Request())).Failure!.Phase);

            // The caller's own fault says nothing of the host.
            var wrong = await cluster.Mandelbox("m0").SpinUp(HostCluster.Request() with { AppName = "browsers/none" });
            Assert.Equal("image", wrong.Failure!.Phase);
        }

        var host = await cluster.Host.Describe();
        Assert.Equal(3, host.FailedSpinUps);
        Assert.Contains("the last 3 spin-ups failed, the last one in step start: iptables: No chain", Assert.Single(host.NotReady), StringComparison.Ordinal);

        Assert.Null((await cluster.Mandelbox("m4").SpinUp(HostCluster.Request())).Failure);
        host = await cluster.Host.Describe();
        Assert.Equal((0, 0), (host.FailedSpinUps, host.NotReady.Count));
    }

    [Fact]
    public async Task Before_the_host_takes_spin_ups_only_the_warm_up_gets_a_lease()
    {
        await using var cluster = await new HostCluster { Start = false }.StartAsync();
        Assert.NotNull((await cluster.Host.AcquireLease(new LeaseRequest(Guid.NewGuid(), "m1"))).Refusal);
        Assert.Null((await cluster.Host.AcquireLease(new LeaseRequest(Guid.NewGuid(), MandelboxIds.WarmUp))).Refusal);
    }
}
