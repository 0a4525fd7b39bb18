using HostService.GrainInterfaces;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Cluster;

/// <summary>Grain calls to the host whose request or answer is lost: nothing leaks, and the host's list is right in the end.</summary>
public sealed class LostAnswerTests
{
    private readonly LossyCalls _calls = new();

    [Fact]
    public async Task A_lease_whose_answer_was_lost_is_released()
    {
        await using var cluster = await StartAsync();
        _calls.LoseAnswer(nameof(IHostGrain.AcquireLease));

        Assert.Equal("lease", (await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure!.Phase);

        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task A_lease_that_was_given_up_before_its_request_arrived_is_not_given()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var id = Guid.NewGuid();
        await cluster.Host.ReleaseLease("m1", id);

        var answer = await cluster.Host.AcquireLease(new LeaseRequest(id, "m1"));

        Assert.NotNull(answer.Refusal);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task An_adopted_lease_whose_answer_was_lost_is_released_when_the_container_has_ended()
    {
        await using var cluster = await StartAsync();
        var container = await cluster.MakeForeignAsync("ecs-task", new PortBinding(MandelboxPorts.Control, Transport.Tcp, 23456));
        await cluster.StartForeignAsync(container);
        _calls.LoseAnswer(nameof(IHostGrain.AdoptLease));

        Assert.NotNull(await cluster.Mandelbox("m1").RegisterContainer(container));
        Assert.Equal(1, (await cluster.Host.Describe()).Ttys.Used);

        // What it has stays until the agent's container has ended.
        await cluster.DieForeignAsync(container);
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task A_release_whose_answer_was_lost_is_repeated_without_harm()
    {
        await using var cluster = await StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        _calls.LoseAnswer(nameof(IHostGrain.ReleaseLease));

        Assert.True(await cluster.Mandelbox("m1").Stop("test"));

        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task The_host_learns_that_a_mandelbox_has_gone_although_the_first_reports_were_lost()
    {
        await using var cluster = await StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        _calls.LoseRequest(
            nameof(IHostGrain.Report), times: 2, argument => argument is MandelboxDescription { State: MandelboxState.Gone });

        Assert.True(await cluster.Mandelbox("m1").Stop("test"));

        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        Assert.Empty(await cluster.Host.ListMandelboxes());
        await cluster.AssertNothingIsHeldAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
    }

    [Theory]
    [InlineData(nameof(IHostGrain.BeginSandbox), false)]
    [InlineData(nameof(IHostGrain.BeginSandbox), true)]
    [InlineData(nameof(IHostGrain.SandboxStarted), false)]
    [InlineData(nameof(IHostGrain.SandboxStarted), true)]
    [InlineData(nameof(IHostGrain.SandboxEnded), false)]
    [InlineData(nameof(IHostGrain.SandboxEnded), true)]
    [InlineData(nameof(IHostGrain.ForgetSandbox), false)]
    [InlineData(nameof(IHostGrain.ForgetSandbox), true)]
    [InlineData(nameof(IHostGrain.ListSandboxes), false)]
    public async Task Whatever_call_of_a_sandbox_is_lost_the_pool_is_full_again_and_nothing_else_is_there(string call, bool isDelivered)
    {
        await using var cluster = await StartAsync(sandboxPool: 2);
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var used = (await cluster.Mandelbox("m1").Describe())!.Lease!.Sandbox;
        var unused = (await cluster.Host.ListSandboxes()).First(sandbox => sandbox.Name != used).Name;
        _calls.Lose(call, isDelivered);

        await cluster.DieSandboxAsync(unused);
        Assert.True(await cluster.Mandelbox("m1").Stop("test"));

        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_mandelbox_ends_with_its_sandbox_also_if_the_call_that_says_so_is_lost(bool isDelivered)
    {
        await using var cluster = await StartAsync(sandboxPool: 2);
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        _calls.Lose(nameof(IHostGrain.SandboxEnded), isDelivered);

        await cluster.DieSandboxAsync((await cluster.Mandelbox("m1").Describe())!.Lease!.Sandbox!);

        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        await cluster.AssertNothingIsHeldAsync();
    }

    private Task<HostCluster> StartAsync(int sandboxPool = 0) =>
        new HostCluster { SandboxPool = sandboxPool, Replace = services => services.AddSingleton<IOutgoingGrainCallFilter>(_calls) }.StartAsync();
}
