using System.Runtime.CompilerServices;

namespace HostService.Infrastructure.Metrics;

/// <summary>Reads the machine's metrics at intervals (B33), off the caller's thread.</summary>
public sealed class MetricsWatch(IMachineMetrics metrics, IOptions<MetricsOptions> options, TimeProvider timeProvider)
{
    /// <summary>One reading at once, then one every <c>Interval</c> ± <c>Jitter</c>, until cancelled.</summary>
    public async IAsyncEnumerable<MachineFigures> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            yield return await Task.Run(metrics.Read, cancellationToken);
            var jitter = options.Value.Jitter * ((2 * Random.Shared.NextDouble()) - 1);
            await Task.Delay(options.Value.Interval + jitter, timeProvider, cancellationToken);
        }
    }
}
