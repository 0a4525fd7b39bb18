using Microsoft.Extensions.Hosting;

namespace HostService.Gateway.Limits;

/// <summary>
/// Gives memory back to the system once a flood is over. The runtime collects only while something allocates: an idle process would keep
/// what its busiest minute took, and on this host the mandelboxes are killed first when memory runs out.
/// </summary>
internal sealed class MemoryRelease(TimeProvider timeProvider) : IHostedService, IDisposable
{
    /// <summary>Growth since the last release that is worth another one, which pauses the process for some ten milliseconds.</summary>
    private const long Growth = 64 * 1024 * 1024;

    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private ITimer? _timer;
    private long _kept;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _timer = timeProvider.CreateTimer(_ => Release(), null, Interval, Interval);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _timer?.Dispose();

    /// <summary>The memory that the runtime had from the system at its last collection.</summary>
    private static long Committed() => GC.GetGCMemoryInfo(GCKind.Any).TotalCommittedBytes;

    private void Release()
    {
        if (Committed() - _kept < Growth)
        {
            return;
        }

        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        _kept = Committed();
    }
}
