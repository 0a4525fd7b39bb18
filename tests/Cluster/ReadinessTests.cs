using HostService.Infrastructure.Backend.Webserver;
using HostService.Silo.Lifecycle;
using HostService.Tests.Support;

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

    [Fact]
    public async Task A_host_whose_stream_of_events_hangs_is_not_ready_until_it_goes_on()
    {
        const string Hangs = "the container engine's events have made no progress for ";
        await using var host = new FaultyHost(
            ("Docker__KeepAlive", "00:00:00.2"), ("Docker__MaxReconnectDelay", "00:00:00.2"), ("Docker__CallTimeout", "00:00:00.5"));

        var run = await host.RunAsync(whenReady: async running =>
        {
            // A stream that has not been connected yet is not the one that hangs.
            await host.Engine.Until(engine => engine.Watchers == 1);
            using (host.Engine.Hold(EngineCall.Ping))
            {
                await UntilAsync(running, notReady => notReady is [var why] && why.StartsWith(Hangs, StringComparison.Ordinal));
            }

            await UntilNotReadyIsAsync(running);
        });

        Assert.Equal(0, run.ExitCode);
    }

    private static Task UntilNotReadyIsAsync(HostContext host, params string[] reasons) =>
        UntilAsync(host, notReady => notReady.SequenceEqual(reasons));

    private static async Task UntilAsync(HostContext host, Func<IReadOnlyList<string>, bool> holds)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!holds((await host.Grain.Describe()).NotReady))
        {
            await pace.WaitForNextTickAsync(late.Token);
        }
    }
}
