using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;

namespace HostService.Tests.Cluster;

/// <summary>Orleans waits for a deactivation for a limited time; the undo goes on after it.</summary>
public sealed class DeactivationTests
{
    [Fact]
    public async Task An_undo_that_outlives_its_activation_releases_everything_and_reports_to_the_host()
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
            await cluster.DeactivateAsync("m1");
            Assert.Equal(1, (await cluster.Host.Describe()).Mandelboxes);

            cluster.UserConfigs.HoldSave.SetResult();

            await cluster.Watcher.Until("m1", MandelboxState.Gone);
            await cluster.AssertNothingIsHeldAsync();
        }

        Assert.DoesNotContain(
            log.Lines,
            line => line.StartsWith("Error", StringComparison.Ordinal) || line.Contains("reported to the host", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_undo_that_fails_is_not_retried_once_the_silo_has_stopped()
    {
        var log = new RecordingLogger<MandelboxGrain>();
        await using (var cluster = await new HostCluster
        {
            Configure = o => o.RetryAfter = TimeSpan.FromHours(1),
            Replace = services => services.AddSingleton<ILogger<MandelboxGrain>>(log),
        }.StartAsync())
        {
            Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
            cluster.Engine.FailNext(EngineCall.Remove, times: 100);
            Assert.True(await cluster.Mandelbox("m1").Stop("test"));
        }

        var line = await log.LineAsync("the service ended before the undo").WaitAsync(TimeSpan.FromSeconds(30));
        Assert.EndsWith("steps: create", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_silo_does_not_wait_for_a_mandelbox_whose_last_report_the_host_can_no_longer_take()
    {
        var calls = new LossyCalls();
        var cluster = await new HostCluster
        {
            Configure = o => o.RetryAfter = TimeSpan.FromHours(1),
            Replace = services => services.AddSingleton<IOutgoingGrainCallFilter>(calls),
        }.StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        calls.LoseRequest(nameof(IHostGrain.Report), times: 100, report => report is MandelboxDescription { State: MandelboxState.Gone });

        await cluster.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20));

        Assert.Empty(cluster.Engine.Containers);
    }
}
