using System.Diagnostics.Metrics;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Backend.Webserver;

namespace HostService.Silo.Background;

/// <summary>
/// How old the heartbeats are. A host whose heartbeats do not arrive is taken for dead by the webserver, which then places no users on it.
/// </summary>
public sealed class HeartbeatMonitor
{
    /// <summary>Two of the longest periods: one heartbeat may be lost.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(130);

    private readonly (string To, Func<TimeSpan?> Age)[] _heartbeats;

    public HeartbeatMonitor(HeartbeatLoop database, IWebserver webserver, IMeterFactory meters)
    {
        _heartbeats = [("database", () => database.SinceAccepted), ("webserver", () => webserver.SinceAccepted)];
        meters.Create("HostService.Heartbeats").CreateObservableGauge(
            "host_service.heartbeat.age",
            Measure,
            "s",
            "Time since the last heartbeat that was accepted, or since the first one was sent; left out where none are sent.");
    }

    /// <summary>Why the host is not ready; null while its heartbeats arrive, and where none are sent.</summary>
    public string? WhyOld()
    {
        var old = _heartbeats
            .Select(heartbeat => (heartbeat.To, Age: heartbeat.Age()))
            .Where(heartbeat => heartbeat.Age > Longest)
            .Select(heartbeat => $"the {heartbeat.To} has accepted no heartbeat for {heartbeat.Age!.Value.TotalSeconds:0} s")
            .ToList();
        return old.Count == 0 ? null : string.Join(", and ", old);
    }

    private IEnumerable<Measurement<double>> Measure() => _heartbeats
        .Select(heartbeat => (heartbeat.To, Age: heartbeat.Age()))
        .Where(heartbeat => heartbeat.Age is not null)
        .Select(heartbeat => new Measurement<double>(
            heartbeat.Age!.Value.TotalSeconds, new KeyValuePair<string, object?>("receiver", heartbeat.To)));
}
