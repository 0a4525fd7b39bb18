using System.Diagnostics.Metrics;
using HostService.Gateway.Metrics;
using HostService.GrainInterfaces.Fleet;

namespace HostService.Gateway.Fleet;

/// <summary>Gauges of what the fleet's grain knows.</summary>
internal sealed partial class FleetMetrics : IRefreshedMetrics
{
    private readonly GrainCalls _grains;
    private readonly ILogger<FleetMetrics> _logger;
    private IReadOnlyList<FleetHost>? _hosts;

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
    }

    private IReadOnlyList<FleetHost> Known => _hosts ?? [];

    private IEnumerable<FleetHost> Reachable => Known.Where(host => host.Away is null);

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
    }

    [LoggerMessage(LogLevel.Warning, "The fleet's grain does not answer: /metrics lacks its figures")]
    private static partial void LogUnanswered(ILogger logger, Exception exception);
}
