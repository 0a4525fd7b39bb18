using HostService.GrainInterfaces.Fleet;

namespace HostService.Grains.Fleet;

/// <summary>
/// Tells the registry which hosts there are, and first takes from it those that were there before. What fails is tried again with a later
/// report: placements do not wait for it. For one scheduler; not thread-safe.
/// </summary>
internal sealed class FleetRegistry
{
    /// <summary>A host is known after a restart of the fleet, if it was there so long before.</summary>
    private static readonly TimeSpan KeepInterval = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(3);

    private const int MostForgotten = 1000;

    private readonly IFleetRegistryGrain _kept;
    private readonly PlacementScheduler _scheduler;
    private readonly TimeProvider _timeProvider;
    private readonly RepeatedWork _work;
    private readonly OrderedDictionary<string, bool> _forgotten = new(StringComparer.Ordinal);
    private bool _isRead;
    private bool _isChanged = true;
    private long? _triedAt;

    public FleetRegistry(IFleetRegistryGrain kept, PlacementScheduler scheduler, TimeProvider timeProvider, Action<Exception> onError)
    {
        (_kept, _scheduler, _timeProvider) = (kept, scheduler, timeProvider);
        _work = new RepeatedWork(KeepAsync, exception =>
        {
            _isChanged = true;
            onError(exception);
        });
    }

    /// <summary>A host has reported.</summary>
    public void Reported(string host, bool isNew)
    {
        _isChanged |= isNew | _forgotten.Remove(host);
        if (_triedAt is not { } tried || _timeProvider.GetElapsedTime(tried) >= (_isChanged ? RetryInterval : KeepInterval))
        {
            _work.Request();
        }
    }

    /// <summary>An operator has removed a host.</summary>
    public void Forget(string host)
    {
        _forgotten.Remove(host);
        _forgotten.Add(host, true);
        if (_forgotten.Count > MostForgotten)
        {
            _forgotten.RemoveAt(0);
        }

        _isChanged = true;
        _work.Request();
    }

    /// <summary>Whether an operator has removed this host, and it has not reported since.</summary>
    public bool IsForgotten(string host) => _forgotten.ContainsKey(host);

    /// <summary>Reads what is kept, once, and keeps what is there now.</summary>
    public void Begin() => _work.Request();

    private async Task KeepAsync()
    {
        _triedAt = _timeProvider.GetTimestamp();
        if (!_isRead)
        {
            var kept = await _kept.Read();
            foreach (var host in kept.Hosts.Where(host => !_forgotten.ContainsKey(host.Host)))
            {
                _scheduler.Restore(host);
            }

            foreach (var host in kept.Forgotten.Where(host => !_scheduler.IsKnown(host)))
            {
                _forgotten.TryAdd(host, true);
            }

            _isRead = true;
        }

        _isChanged = false;
        await _kept.Write(new KeptHosts
        {
            Hosts = [.. _scheduler.Hosts.Select(host => new KeptHost(host.Report.Host, host.Report.Address, host.ReportedAt))],
            Forgotten = [.. _forgotten.Keys],
        });
    }
}
