using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Silo.Hosting;

namespace HostService.Silo.Startup;

/// <summary>Finds and removes what a run left that did not end cleanly (B4).</summary>
public sealed partial class Leftovers(
    IOptions<HostOptions> options,
    HostDirectories directories,
    EngineStartup startup,
    IContainerEngine engine,
    ICloudStorage cloudStorage,
    ILogger<Leftovers> logger)
{
    private bool Reclaim => options.Value.OnLeftovers == "reclaim";

    /// <exception cref="StartRefusedException">The last run left its directories, and they are not to be reclaimed.</exception>
    public void Check()
    {
        if (!Reclaim && directories.Leftover is { } directory)
        {
            throw new StartRefusedException(
                ExitCodes.Refused,
                $"{directory} is already there: the last run did not end cleanly, or another one is still running. End that one, or make "
                + $"sure that nothing below {directory} is needed (unmount what is mounted there) and remove it; or start with "
                + "Host__OnLeftovers=reclaim to have it removed.");
        }
    }

    /// <summary>Removes what the last run left: first the containers, which still use the directories, then the directories.</summary>
    public async Task ReclaimAsync(HostIdentity identity, CancellationToken cancellationToken)
    {
        if (directories.Leftover is null)
        {
            return;
        }

        OrRefuse(directories.ThrowIfInUse);
        await startup.StartAsync(cancellationToken);
        await startup.ReachAsync(cancellationToken);
        await ClearEngineAsync(identity, cancellationToken);
        await cloudStorage.ReclaimAsync(cancellationToken);
        OrRefuse(directories.Reclaim);
    }

    /// <summary>Containers of this host that outlived their service: removed where that is configured, otherwise logged.</summary>
    public async Task ClearEngineAsync(HostIdentity identity, CancellationToken cancellationToken)
    {
        var labels = new Dictionary<string, string> { [ContainerLabels.Host] = identity.InstanceName };
        foreach (var container in await engine.ListAsync(labels, cancellationToken))
        {
            if (Reclaim)
            {
                LogRemoved(container.Name, container.Id);
                await engine.RemoveAsync(container.Id, cancellationToken);
            }
            else
            {
                LogLeft(container.Name, container.Id);
            }
        }
    }

    private static void OrRefuse(Action action)
    {
        try
        {
            action();
        }
        catch (IOException exception)
        {
            throw new StartRefusedException(ExitCodes.Refused, exception.Message, exception);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Container {Name} ({ContainerId}) of an earlier run is removed")]
    private partial void LogRemoved(string name, string containerId);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Container {Name} ({ContainerId}) of an earlier run is still there; remove it, or start with Host__OnLeftovers=reclaim "
            + "to have it removed")]
    private partial void LogLeft(string name, string containerId);
}
