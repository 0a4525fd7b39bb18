using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Files;

namespace HostService.Silo.Lifecycle;

/// <summary>Stops all mandelboxes in parallel, and waits for their clean-up (B30); or leaves them to the next run.</summary>
public sealed partial class MandelboxShutdown(
    IGrainFactory grains,
    HostDirectories directories,
    IOptions<MandelboxOptions> options,
    TimeProvider timeProvider,
    ILogger<MandelboxShutdown> logger)
{
    /// <param name="cause">With a lost engine, nothing that failed for want of it can succeed later: it is not waited for.</param>
    public async Task RunAsync(IHostGrain host, EndCause cause, CancellationToken cancellationToken)
    {
        // Until the opposite is known: when this step fails or takes too long, the shutdown goes on without it.
        var before = directories.InUseBy;
        directories.InUseBy = [.. before, "(the host has not listed them)"];
        var all = await host.ListMandelboxes();
        directories.InUseBy = [.. before, .. all.Select(m => m.MandelboxId)];
        try
        {
            await Task.WhenAll(all.Select(m => EndAsync(m.MandelboxId, cause, cancellationToken))).WaitAsync(cancellationToken);
        }
        finally
        {
            var left = await host.ListMandelboxes();
            if (left.Count > 0)
            {
                LogLeft(string.Join(", ", left.Select(m => m.MandelboxId)));
            }

            var known = await Task.WhenAll(left.Select(m => grains.GetGrain<IMandelboxGrain>(m.MandelboxId).Describe()));
            directories.InUseBy = [.. before, .. known.Where(m => m is { ContainerMayRun: true }).Select(m => m!.MandelboxId)];
        }
    }

    /// <summary>
    /// Leaves running mandelboxes to the next run, and waits for spin-ups and ends that are in progress. Those that take too long are what
    /// a crash leaves: the next run reclaims them.
    /// </summary>
    public async Task HandOverAsync(IHostGrain host, CancellationToken cancellationToken)
    {
        var left = await host.ListMandelboxes();
        while (left.Count > 0)
        {
            var isHandedOver = await Task.WhenAll(left.Select(m => grains.GetGrain<IMandelboxGrain>(m.MandelboxId).HandOver()));
            left = [.. left.Where((_, index) => !isHandedOver[index])];
            if (left.Count > 0)
            {
                await Task.Delay(options.Value.RetryAfter, timeProvider, cancellationToken);
            }
        }
    }

    /// <summary>
    /// A stop answers after <see cref="MandelboxOptions.StopTimeout"/> at the latest, although the clean-up goes on. Here there is more
    /// time: the stop is repeated until it answers earlier, which means that each part of the clean-up has been tried. What failed is
    /// retried by the mandelbox: a fault of a moment must not cost a user's configs.
    /// </summary>
    private async Task EndAsync(string mandelboxId, EndCause cause, CancellationToken cancellationToken)
    {
        var mandelbox = grains.GetGrain<IMandelboxGrain>(mandelboxId);
        long asked;
        do
        {
            asked = timeProvider.GetTimestamp();
        }
        while (await mandelbox.Stop("the host is shutting down", cause)
            && timeProvider.GetElapsedTime(asked) >= options.Value.StopTimeout
            && !cancellationToken.IsCancellationRequested);

        while (cause != EndCause.EngineLost && await mandelbox.Describe() is { WaitsForAgent: false })
        {
            await Task.Delay(options.Value.RetryAfter, timeProvider, cancellationToken);
        }
    }

    [LoggerMessage(LogLevel.Error, "These mandelboxes did not end in time; what they hold is left behind: {Mandelboxes}")]
    private partial void LogLeft(string mandelboxes);
}
