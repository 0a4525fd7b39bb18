using HostService.GrainInterfaces;
using HostService.Grains.Host;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Cluster;

/// <summary>When network sandboxes are started, by a clock that the test moves.</summary>
public sealed class SandboxPauseTests : IAsyncLifetime
{
    private readonly ManualClock _clock = new();
    private readonly HostCluster _cluster;

    public SandboxPauseTests() => _cluster = new HostCluster
    {
        Replace = services => services
            .Configure<DockerOptions>(o => o.SandboxPool = 1)
            .AddSingleton(provider => ActivatorUtilities.CreateInstance<SandboxKeeper>(provider, (TimeProvider)_clock)),
    };

    private SandboxKeeper Keeper => _cluster.Services.GetRequiredService<SandboxKeeper>();

    public async Task InitializeAsync()
    {
        _cluster.Engine.Images.Add(FakeContainerEngine.SandboxImage);
        await _cluster.StartAsync();
        await Keeper.StartAsync(CancellationToken.None);
        await _cluster.Engine.Until(engine => engine.Containers.Count(c => c.Running) == 1);
    }

    public async Task DisposeAsync()
    {
        await Keeper.StopAsync(CancellationToken.None);
        await Keeper.RemoveAllAsync(CancellationToken.None);
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task A_sandbox_is_replaced_a_moment_after_the_spin_up_that_took_it_so_that_the_next_spin_up_is_not_slowed_down()
    {
        while ((await _cluster.Host.ListSandboxes()).All(sandbox => sandbox.State != SandboxState.Ready))
        {
            await Task.Yield();
        }

        Assert.Null((await _cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        await _clock.TimerSetAsync(SandboxKeeper.Pause);
        Assert.Equal(SandboxState.Used, Assert.Single(await _cluster.Host.ListSandboxes()).State);

        _clock.Advance(SandboxKeeper.Pause);

        // The mandelbox, its sandbox and the next one.
        await _cluster.Engine.Until(engine => engine.Containers.Count(c => c.Running) == 3);
        await _cluster.Mandelbox("m1").Stop("test");
    }
}
