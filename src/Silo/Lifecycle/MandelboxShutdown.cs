using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Files;

namespace HostService.Silo.Lifecycle;

/// <summary>Stops all mandelboxes in parallel, and waits for their clean-up (B30).</summary>
public sealed partial class MandelboxShutdown(
    IGrainFactory grains,
    HostDirectories directories,
    IOptions<MandelboxOptions> options,
    TimeProvider timeProvider,
    ILogger<MandelboxShutdown> logger)
{
    public async Task RunAsync(IHostGrain host, CancellationToken cancellationToken)
    {
        var all = await host.ListMandelboxes();

        // Until the opposite is known: when this step takes too long, the shutdown goes on without it.
        var before = directories.InUseBy;
        directories.InUseBy = [.. before, .. all.Select(m => m.MandelboxId)];
        try
        {
            await Task.WhenAll(all.Select(m => EndAsync(m.MandelboxId, cancellationToken))).WaitAsync(cancellationToken);
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
    /// A stop answers after <see cref="MandelboxOptions.StopTimeout"/> at the latest, although the clean-up goes on. Here there is more
    /// time: the stop is repeated until it answers earlier, which means that the clean-up has ended.
    /// </summary>
    private async Task EndAsync(string mandelboxId, CancellationToken cancellationToken)
    {
        var mandelbox = grains.GetGrain<IMandelboxGrain>(mandelboxId);
        long asked;
        do
        {
            asked = timeProvider.GetTimestamp();
        }
        while (await mandelbox.Stop("the host is shutting down")
            && timeProvider.GetElapsedTime(asked) >= options.Value.StopTimeout
            && !cancellationToken.IsCancellationRequested);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "These mandelboxes did not end in time; what they hold is left behind: {Mandelboxes}")]
    private partial void LogLeft(string mandelboxes);
}
