using HostService.Infrastructure.Backend.Webserver;
using HostService.Silo.Lifecycle;

namespace HostService.Tests.Cluster;

/// <summary>What the running service finds out beside its grains makes the host not ready.</summary>
public sealed class ReadinessTests
{
    [Fact]
    public async Task A_host_whose_heartbeats_do_not_arrive_is_not_ready_until_one_does()
    {
        const string Old = "the webserver has accepted no heartbeat for 131 s";
        await using var host = new FaultyHost();

        var run = await host.RunAsync(whenReady: async running =>
        {
            var webserver = (HostRun)running.Get<IWebserver>();
            Assert.Empty((await running.Grain.Describe()).NotReady);
            webserver.SinceAccepted = TimeSpan.FromSeconds(131);
            await UntilNotReadyIsAsync(running, Old);
            webserver.SinceAccepted = TimeSpan.FromSeconds(1);
            await UntilNotReadyIsAsync(running);
        });

        Assert.Equal(0, run.ExitCode);
    }

    private static async Task UntilNotReadyIsAsync(HostContext host, params string[] reasons)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!(await host.Grain.Describe()).NotReady.SequenceEqual(reasons))
        {
            await pace.WaitForNextTickAsync(late.Token);
        }
    }
}
