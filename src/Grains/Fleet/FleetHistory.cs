using HostService.GrainInterfaces.Fleet;

namespace HostService.Grains.Fleet;

/// <summary>What the fleet had over the last two hours. In memory: another silo begins anew.</summary>
internal sealed class FleetHistory
{
    private const int Kept = 240;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    private readonly Queue<FleetSample> _samples = new(Kept);
    private DateTimeOffset _last;

    public IReadOnlyList<FleetSample> Samples => [.. _samples];

    /// <summary>Takes a sample where the next one is due.</summary>
    public void Add(Func<IEnumerable<FleetHost>> hosts, DateTimeOffset now)
    {
        // A clock that was set back does not stop it.
        var sinceLast = now - _last;
        if (sinceLast < Interval && sinceLast >= TimeSpan.Zero)
        {
            return;
        }

        _last = now;

        if (_samples.Count == Kept)
        {
            _samples.Dequeue();
        }

        var there = hosts().Where(host => host.Away is null).ToList();
        _samples.Enqueue(new FleetSample(
            now,
            there.Sum(host => host.Report.Capacity),
            there.Sum(host => host.Report.Mandelboxes.Count),
            there.Where(host => host.State == FleetHosts.Ready).Sum(host => host.Report.Free)));
    }
}
