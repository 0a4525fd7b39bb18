using HostService.Grains.Host.Consistency;

namespace HostService.Silo.Background;

/// <summary>Compares everything that mandelboxes have with the mandelboxes, again and again.</summary>
public sealed class ConsistencyMonitor(
    ConsistencyCheck check, IOptions<ConsistencyOptions> options, TimeProvider timeProvider, ILogger<ConsistencyMonitor> logger)
{
    /// <summary>Runs until cancelled, and never throws.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var consumer = new StreamConsumer(timeProvider, logger);
        while (!cancellationToken.IsCancellationRequested)
        {
            await Task.WhenAny(Task.Delay(options.Value.CheckInterval, timeProvider, cancellationToken));
            await consumer.TryAsync("what mandelboxes have", () => check.CheckAsync(cancellationToken), cancellationToken);
        }
    }
}
