using System.Diagnostics.Metrics;
using HostService.Gateway.Metrics;
using HostService.GrainInterfaces.Fleet;

namespace HostService.Gateway.Fleet;

/// <summary>Gauges of what the fleet's grains know, and how placements end.</summary>
internal sealed partial class FleetMetrics : IRefreshedMetrics
{
    private readonly GrainCalls _grains;
    private readonly ILogger<FleetMetrics> _logger;
    private readonly Histogram<double> _placements;
    private IReadOnlyList<FleetHost>? _hosts;
    private RolloutState? _rollout;

    public FleetMetrics(GrainCalls grains, IMeterFactory meters, ILogger<FleetMetrics> logger)
    {
        _grains = grains;
        _logger = logger;
        var meter = meters.Create("HostService.Fleet");
        meter.CreateObservableGauge(
            "host_service.fleet.up", () => _hosts is null ? 0 : 1, description: "Whether the fleet's grain answers.");
        meter.CreateObservableGauge(
            "host_service.fleet.hosts",
            () => FleetHosts.States.Select(state => new Measurement<int>(
                Known.Count(host => host.State == state), new KeyValuePair<string, object?>("state", state))),
            description: "Hosts by state.");
        meter.CreateObservableGauge(
            "host_service.fleet.capacity",
            () => Reachable.Sum(host => host.Report.Capacity),
            description: "Mandelboxes that the hosts that are not away can hold.");
        meter.CreateObservableGauge(
            "host_service.fleet.free",
            () => Reachable.Where(host => host.State == FleetHosts.Ready).Sum(host => host.Report.Free),
            description: "Mandelboxes that the hosts that are ready would take more.");
        meter.CreateObservableGauge(
            "host_service.fleet.mandelboxes",
            () => Reachable.Sum(host => host.Report.Mandelboxes.Count),
            description: "Mandelboxes with a user on the hosts that are not away.");
        meter.CreateObservableGauge(
            "host_service.fleet.waiting",
            () => Reachable.Sum(host => host.Report.Waiting.Values.Sum()),
            description: "Mandelboxes that wait for users on the hosts that are not away.");
        meter.CreateObservableGauge(
            "host_service.fleet.rollout",
            () => Enum.GetValues<RolloutState>().Select(state => new Measurement<int>(
                _rollout == state ? 1 : 0, new KeyValuePair<string, object?>("state", MetricLabels.Of(state)))),
            description: "Whether the last rollout is in this state.");
        _placements = meter.CreateHistogram(
            "host_service.fleet.placement.duration",
            "s",
            "Time from a request for a place to its answer, by its result.",
            tags: null,
            new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
            });
    }

    private IReadOnlyList<FleetHost> Known => _hosts ?? [];

    private IEnumerable<FleetHost> Reachable => Known.Where(host => host.Away is null);

    /// <summary>A request for a place has been answered.</summary>
    /// <param name="result"><c>placed</c>; <c>refused</c>, for good; <c>later</c>, the caller is to ask again.</param>
    public void Placed(string result, TimeSpan duration) =>
        _placements.Record(duration.TotalSeconds, new KeyValuePair<string, object?>("result", result));

    public async Task RefreshAsync()
    {
        try
        {
            _hosts = await _grains.WithProbeTimeout(_grains.Fleet.ListHosts());
        }
        catch (Exception exception)
        {
            LogUnanswered(_logger, exception);
            _hosts = null;
        }

        try
        {
            _rollout = (await _grains.WithProbeTimeout(_grains.Rollout.Find()))?.State;
        }
        catch (Exception exception)
        {
            // It needs the database, which the fleet's grain does not.
            LogNoRollout(_logger, exception.Message);
            _rollout = null;
        }
    }

    [LoggerMessage(LogLevel.Warning, "/metrics lacks the rollout: {Why}")]
    private static partial void LogNoRollout(ILogger logger, string why);

    [LoggerMessage(LogLevel.Warning, "The fleet's grain does not answer: /metrics lacks its figures")]
    private static partial void LogUnanswered(ILogger logger, Exception exception);
}
