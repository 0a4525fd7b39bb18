using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;

namespace HostService.Tests.Cluster;

/// <summary>The runtime waits for a deactivation only so long; what a mandelbox holds is given back all the same.</summary>
public sealed class OutlivingTests
{
    [Fact]
    public async Task Giving_back_that_outlives_its_activation_gives_everything_back_and_tells_the_host()
    {
        var log = new RecordingLogger<MandelboxGrain>();
        await using (var cluster = await new HostCluster
        {
            Configure = o => o.StopTimeout = TimeSpan.FromMilliseconds(1),
            Replace = services =>
            {
                services.AddSingleton<ILogger<MandelboxGrain>>(log);
                services.Configure<GrainCollectionOptions>(o => o.DeactivationTimeout = TimeSpan.FromMilliseconds(100));
            },
        }.StartAsync())
        {
            Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
            cluster.UserConfigs.HoldSave = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Assert.True(await cluster.Mandelbox("m1").Stop("test"));
            await cluster.SendAwayAsync("m1");
            Assert.Equal(1, (await cluster.Host.Describe()).Mandelboxes);

            cluster.UserConfigs.HoldSave.SetResult();

            await cluster.Watcher.Until("m1", MandelboxState.Gone);
            await cluster.AssertNothingIsHeldAsync();
        }

        Assert.DoesNotContain(log.Lines, l => l.StartsWith("Error", StringComparison.Ordinal) || l.Contains("tell the host", StringComparison.Ordinal));
    }
}
