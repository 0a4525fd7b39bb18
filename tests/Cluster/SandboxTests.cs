using HostService.GrainInterfaces;
using HostService.Grains.Host;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Cluster;

/// <summary>Network sandboxes: the pool, and mandelboxes that join one.</summary>
public sealed class SandboxTests : IAsyncLifetime
{
    private const int Size = 2;

    private readonly HostCluster _cluster = new()
    {
        Replace = services => services.Configure<DockerOptions>(o => o.SandboxPool = Size),
    };

    private SandboxKeeper Keeper => _cluster.Services.GetRequiredService<SandboxKeeper>();

    public async Task InitializeAsync()
    {
        _cluster.Engine.Images.Add(FakeContainerEngine.SandboxImage);
        await _cluster.StartAsync();
        await Keeper.StartAsync(CancellationToken.None);
        await UntilReadyAsync(Size);
    }

    public async Task DisposeAsync()
    {
        await Keeper.StopAsync(CancellationToken.None);
        await Keeper.RemoveAllAsync(CancellationToken.None);
        await _cluster.AssertNothingIsHeldAsync();
        Assert.Empty(await _cluster.Host.ListSandboxes());
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task A_mandelbox_joins_a_sandbox_gets_its_ports_and_its_end_removes_it()
    {
        var before = await _cluster.Host.ListSandboxes();

        var answer = await _cluster.Mandelbox("m1").SpinUp(HostCluster.Request());

        var lease = (await _cluster.Mandelbox("m1").Describe())!.Lease!;
        var sandbox = before.Single(s => s.Name == lease.Sandbox);
        Assert.Equal(sandbox.Ports, lease.Ports);
        Assert.Equal(sandbox.Ports[0].HostPort, answer.Access!.Port32262);
        Assert.Equal(sandbox.Name, _cluster.Engine.SpecOf(ContainerOf("m1")).NetworkOf);
        Assert.Equal(sandbox.Name, _cluster.Engine.SpecOf(ContainerOf("m1")).Labels["host-service.network"]);
        Assert.Equal(sandbox.Ports, _cluster.Engine.SpecOf(sandbox.Name).Ports);

        await _cluster.Mandelbox("m1").Stop("test");

        await _cluster.Engine.Until(engine => engine.Containers.All(c => c.Name != sandbox.Name));
    }

    [Fact]
    public async Task The_pool_is_filled_again_once_no_spin_up_runs_and_never_while_one_does()
    {
        using var held = _cluster.Engine.Hold(EngineCall.Start);
        var first = _cluster.Mandelbox("m1").SpinUp(HostCluster.Request());
        await held.Entered.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Null(await _cluster.Host.BeginSandbox());
        Assert.Equal(Size + 1, _cluster.Engine.Containers.Count);

        held.Release();
        Assert.Null((await first).Failure);
        await UntilReadyAsync(Size);
        await _cluster.Mandelbox("m1").Stop("test");
    }

    [Fact]
    public async Task Without_a_ready_sandbox_a_mandelbox_publishes_its_ports_itself()
    {
        await Keeper.StopAsync(CancellationToken.None);
        for (var i = 0; i <= Size; i++)
        {
            Assert.Null((await _cluster.Mandelbox($"m{i}").SpinUp(HostCluster.Request($"user{i}"))).Failure);
        }

        var last = (await _cluster.Mandelbox($"m{Size}").Describe())!.Lease!;
        Assert.Null(last.Sandbox);
        Assert.Equal(last.Ports, _cluster.Engine.SpecOf(ContainerOf($"m{Size}")).Ports);
        Assert.Null(_cluster.Engine.SpecOf(ContainerOf($"m{Size}")).NetworkOf);
        await Task.WhenAll(Enumerable.Range(0, Size + 1).Select(i => _cluster.Mandelbox($"m{i}").Stop("test")));
    }

    [Fact]
    public async Task The_end_of_its_sandbox_is_the_end_of_a_mandelbox_and_is_named_as_the_cause()
    {
        Assert.Null((await _cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var sandbox = (await _cluster.Mandelbox("m1").Describe())!.Lease!.Sandbox!;

        await DieAsync(sandbox);

        await _cluster.Watcher.Until("m1", MandelboxState.Gone);
        var ended = Assert.Single(await _cluster.Host.ListEnded(10));
        Assert.Equal(EndCause.NetworkLost, ended.EndCause);
        Assert.Contains(sandbox, ended.EndReason, StringComparison.Ordinal);
        await _cluster.Engine.Until(engine => engine.Containers.All(c => c.Name != sandbox));
    }

    [Fact]
    public async Task A_ready_sandbox_that_ends_is_replaced_and_no_mandelbox_gets_it()
    {
        var dead = (await _cluster.Host.ListSandboxes())[0].Name;

        await DieAsync(dead);

        await _cluster.Engine.Until(engine => engine.Containers.All(c => c.Name != dead));
        await UntilReadyAsync(Size);
        Assert.DoesNotContain(await _cluster.Host.ListSandboxes(), sandbox => sandbox.Name == dead);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_spin_up_whose_sandbox_is_gone_gets_another_network(bool isRemoved)
    {
        await Keeper.StopAsync(CancellationToken.None);

        // Its end is not reported.
        foreach (var sandbox in await _cluster.Host.ListSandboxes())
        {
            if (isRemoved)
            {
                await _cluster.Engine.RemoveAsync(sandbox.Name, CancellationToken.None);
            }
            else
            {
                _cluster.Engine.Die(sandbox.Name);
            }
        }

        Assert.Null((await _cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);

        Assert.Null((await _cluster.Mandelbox("m1").Describe())!.Lease!.Sandbox);
        await _cluster.Mandelbox("m1").Stop("test");
    }

    [Theory]
    [InlineData(EngineCall.Create, false)]
    [InlineData(EngineCall.Create, true)]
    [InlineData(EngineCall.Start, false)]
    [InlineData(EngineCall.Start, true)]
    [InlineData(EngineCall.Remove, false)]
    [InlineData(EngineCall.Remove, true)]
    public async Task A_fault_of_the_engine_while_the_pool_is_filled_is_tried_again_and_leaves_nothing(EngineCall call, bool afterEffect)
    {
        Assert.Null((await _cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        await UntilReadyAsync(Size);
        await _cluster.Mandelbox("m1").Stop("test");
        _cluster.Engine.FailNext(call, times: 2, afterEffect: afterEffect);

        await DieAsync((await _cluster.Host.ListSandboxes()).First(s => s.State == SandboxState.Ready).Name);
        await UntilReadyAsync(Size);
        await UntilAsync(_cluster, sandboxes => sandboxes.Count == Size);

        await _cluster.Engine.Until(engine => engine.Containers.Count == Size);
    }

    [Fact]
    public async Task A_comparison_removes_a_sandbox_that_the_host_does_not_know_and_finds_one_that_has_ended()
    {
        var known = await _cluster.Host.ListSandboxes();
        var stray = known[0] with { Name = "host-service-sandbox-stray" };
        await _cluster.Engine.CreateAsync(
            new ContainerSpec
            {
                Name = stray.Name,
                Image = FakeContainerEngine.SandboxImage,
                Labels = Grains.Mandelbox.ContainerLabels.Write(_cluster.Services.GetRequiredService<Grains.HostInfoSource>().Current.Owner, stray),
            },
            CancellationToken.None);
        _cluster.Engine.Die(known[1].Name);

        await _cluster.Events.ReconcileAsync(CancellationToken.None);

        await _cluster.Engine.Until(engine => engine.Containers.All(c => c.Name != stray.Name && c.Name != known[1].Name));
        await UntilReadyAsync(Size);
        Assert.Contains(await _cluster.Host.ListSandboxes(), sandbox => sandbox.Name == known[0].Name);
    }

    /// <summary>The pause does not end here.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_sandbox_that_ends_by_itself_is_removed_and_the_next_one_is_made_after_a_pause(bool atOnce)
    {
        await using var cluster = new HostCluster { SandboxPool = Size, Configure = o => o.RetryAfter = TimeSpan.FromHours(1) };
        await cluster.StartAsync();
        if (atOnce)
        {
            // After the start of the mandelbox, the one that replaces its sandbox ends before its start is answered.
            cluster.Engine.BeforeAnswerOf(EngineCall.Start, () =>
            {
                cluster.Engine.BeforeAnswerOf(EngineCall.Start, () => cluster.DieSandboxAsync(cluster.Engine.Containers[^1].Name));
                return Task.CompletedTask;
            });
            Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
            await cluster.Engine.Until(engine => engine.CallsOf(EngineCall.Remove) == 1);
        }
        else
        {
            await cluster.DieSandboxAsync((await cluster.Host.ListSandboxes())[0].Name);
        }

        await UntilAsync(cluster, sandboxes => sandboxes.All(s => s.State is SandboxState.Ready or SandboxState.Used));
        Assert.Single(await cluster.Host.ListSandboxes(), sandbox => sandbox.State == SandboxState.Ready);
        Assert.Equal(Size + (atOnce ? 2 : 0), cluster.Engine.CallsOf(EngineCall.Create));
        Assert.Null((await cluster.Mandelbox("m2").SpinUp(HostCluster.Request())).Failure);
        Assert.Null((await cluster.Mandelbox("m3").SpinUp(HostCluster.Request())).Failure);
    }

    [Fact]
    public async Task Without_the_image_mandelboxes_come_up_and_once_it_is_there_the_pool_is_filled()
    {
        await using var cluster = await new HostCluster { Replace = services => services.Configure<DockerOptions>(o => o.SandboxPool = Size) }.StartAsync();
        await cluster.Sandboxes.StartAsync(CancellationToken.None);
        await cluster.Engine.Until(engine => engine.CallsOf(EngineCall.FindImage) > 0);

        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        Assert.Single(cluster.Engine.Containers);
        await cluster.Mandelbox("m1").Stop("test");

        cluster.Engine.Images.Add(FakeContainerEngine.SandboxImage);
        await UntilReadyAsync(cluster, Size);
    }

    [Fact]
    public async Task Where_another_program_has_taken_its_port_a_sandbox_is_made_anew_with_others()
    {
        await using var cluster = new HostCluster { SandboxPool = Size };
        cluster.Engine.FailNext(EngineCall.Start, EngineFailure.PortTaken);

        await cluster.StartAsync();

        Assert.Equal(Size + 1, cluster.Engine.CallsOf(EngineCall.Create));
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task A_restored_lease_keeps_its_sandbox_and_other_mandelboxes_do_not_get_its_ports()
    {
        Assert.Null((await _cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        var labels = _cluster.Engine.SpecOf(ContainerOf("m1")).Labels;
        var lease = Grains.Mandelbox.ContainerLabels.Read(labels, ContainerOf("m1"))!;

        Assert.Equal((await _cluster.Mandelbox("m1").Describe())!.Lease!.Sandbox, lease.Sandbox);
        Assert.NotNull((await _cluster.Host.RestoreLease(lease with { Id = Guid.NewGuid(), MandelboxId = "m2", Tty = 63 })).Refusal);
        await _cluster.Mandelbox("m1").Stop("test");
    }

    private string ContainerOf(string id) => _cluster.Engine.Containers.Single(c => c.Name.EndsWith($"-{id}", StringComparison.Ordinal)).Name;

    private async Task DieAsync(string sandbox)
    {
        var container = _cluster.Engine.Containers.Single(c => c.Name == sandbox);
        _cluster.Engine.Die(sandbox);
        await _cluster.Events.OnEventAsync(new ContainerEvent("die", container.Id, container.Labels, 0, DateTimeOffset.UtcNow), CancellationToken.None);
    }

    private Task UntilReadyAsync(int count) => UntilReadyAsync(_cluster, count);

    private static Task UntilReadyAsync(HostCluster cluster, int count) =>
        UntilAsync(cluster, sandboxes => sandboxes.Count(s => s.State == SandboxState.Ready) == count);

    /// <summary>Asked again after every change in the engine, and after every answer: the host hears of a change a moment later.</summary>
    private static async Task UntilAsync(HostCluster cluster, Func<IReadOnlyList<NetworkSandbox>, bool> holds)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!holds(await cluster.Host.ListSandboxes()))
        {
            late.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }
}
