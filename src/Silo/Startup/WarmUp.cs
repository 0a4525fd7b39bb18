using HostService.Grains;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;

namespace HostService.Silo.Startup;

/// <summary>
/// The first container on a fresh host takes over a minute to start. Two throw-away containers take that minute before users come (B5).
/// </summary>
public sealed partial class WarmUp(
    IContainerEngine engine,
    HostInfoSource info,
    ContainerCapabilitiesSource capabilities,
    TimeProvider timeProvider,
    ILogger<WarmUp> logger)
{
    /// <summary>Reserved: no mandelbox may have this id.</summary>
    public const string MandelboxId = "host-service-warmup";

    private const int Times = 2;

    /// <summary>Images to try; those most like what users run come first.</summary>
    internal static IReadOnlyList<string> Patterns(HostEnvironment environment)
    {
        var name = environment.Name.ToLowerInvariant();
        return
        [
            $"ghcr.io/fractal/{name}/browsers/chrome:current-build",
            $"ghcr.io/fractal/{name}/browsers/",
            $"ghcr.io/fractal/{name}/",
            "browsers/chrome:current-build",
            "fractal/",
            "mandelboxes/",
            ":current-build",
        ];
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var known = info.Current;
        if (await engine.FindImageAsync(Patterns(known.Environment), cancellationToken) is not { } image)
        {
            throw new InvalidOperationException("there is no image to warm up with: the AMI must hold at least one mandelbox image");
        }

        await ClearAsync(known.Identity.InstanceName, cancellationToken);
        for (var i = 1; i <= Times; i++)
        {
            await OnceAsync(image, known, i, cancellationToken);
        }
    }

    /// <summary>Removes the container of a run that crashed during its warm-up: it has the name that is needed now.</summary>
    private async Task ClearAsync(string host, CancellationToken cancellationToken)
    {
        foreach (var left in await engine.ListAsync(Labels(host), cancellationToken))
        {
            await engine.RemoveAsync(left.Id, cancellationToken);
            LogCleared(left.Name, left.Id);
        }
    }

    private static Dictionary<string, string> Labels(string host) =>
        new() { [ContainerLabels.Host] = host, [ContainerLabels.App] = MandelboxId };

    private async Task OnceAsync(string image, HostInfo known, int number, CancellationToken cancellationToken)
    {
        var began = timeProvider.GetTimestamp();
        var spec = new ContainerSpec
        {
            Name = $"{MandelboxId}-{number}",
            Image = image,
            Labels = Labels(known.Identity.InstanceName),

            // Most of the minute is the first use of the GPU driver.
            Environment = ContainerSpecs.Driver,
            Runtime = NvidiaRuntime.For(capabilities.Current.Runtimes, known.Gpus.Count > 0 ? known.Gpus[0].Index : -1),
            MemoryBytes = ContainerSpecs.Memory,
            CpuShares = ContainerSpecs.CpuShares,
            ShmBytes = ContainerSpecs.Shm,
            Tty = true,
        };
        var id = await engine.CreateAsync(spec, cancellationToken);
        try
        {
            await engine.StartAsync(id, cancellationToken);
        }
        finally
        {
            await engine.RemoveAsync(id, CancellationToken.None);
        }

        var milliseconds = (long)timeProvider.GetElapsedTime(began).TotalMilliseconds;
        LogWarm(number, image, milliseconds);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Container {Name} ({ContainerId}), with which an earlier run warmed up, is removed")]
    private partial void LogCleared(string name, string containerId);

    [LoggerMessage(Level = LogLevel.Information, Message = "Warm-up {Number} with {Image}: {Milliseconds} ms")]
    private partial void LogWarm(int number, string image, long milliseconds);
}
