using System.Runtime.CompilerServices;
using HostService.GrainInterfaces;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Metrics;

/// <summary>Reads the machine's figures on the clock of B33, off the caller's thread.</summary>
public sealed class MetricsWatch(IMachineMetrics metrics, IOptions<MetricsOptions> options, TimeProvider timeProvider)
{
    /// <summary>One reading at once, and then one every 30 s ± 1 s (as configured), until cancelled.</summary>
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
