using HostService.Tests.Support;

namespace HostService.Tests.Cluster.Alerts;

/// <summary>Each alert of deploy/grafana/alerts.yml fires when its fault is made in the service, and not before.</summary>
[Collection(nameof(AlertTests))]
public sealed class AlertTests
{
    public static TheoryData<string> Alerts => new(AlertFaults.All.Keys);

    [Fact]
    public void Every_alert_has_its_fault() => Assert.Equal(AlertRules.Names, AlertFaults.All.Keys);

    [NeedsTheory("promtool")]
    [MemberData(nameof(Alerts))]
    public async Task An_alert_fires_on_what_is_scraped_of_a_host_with_its_fault_and_not_before(string alert)
    {
        await using var run = new AlertRun(alert, AlertFaults.All[alert]);

        await run.RunAsync();
    }
}

/// <summary>Some counters are the whole process's: other tests would spin up and fail meanwhile.</summary>
[CollectionDefinition(nameof(AlertTests), DisableParallelization = true)]
public sealed class AlertCollection;
