using HostService.Grains;
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
    ExclusiveUse exclusive,
    Registration registration,
    HostInfoSource info,
    IContainerEngine engine,
    ICloudStorage cloudStorage,
    ILogger<Leftovers> logger)
{
    private bool Reclaim => options.Value.OnLeftovers == "reclaim";

    private ContainerOwner Owner => info.Current.Owner;

    /// <exception cref="StartRefusedException">
    /// The last run left its directories, and they are not to be reclaimed, or were not made by this service.
    /// </exception>
    public void Check()
    {
        if (directories.Leftover is not { } directory)
        {
            return;
        }

        if (!Reclaim)
        {
            throw new StartRefusedException(
                ExitCodes.Refused,
                $"{directory} is already there: the last run did not end cleanly, or another one is still running. End that one, or make "
                + $"sure that nothing below {directory} is needed (unmount what is mounted there) and remove it; or start with "
                + "Host__OnLeftovers=reclaim to have it removed.");
        }

        OrRefuse(directories.ThrowIfNotReclaimable);
    }

    /// <summary>Removes what the last run left, once this run can start: first the containers, which use the directories.</summary>
    /// <exception cref="StartRefusedException">This run cannot start; nothing was removed.</exception>
    public async Task ReclaimAsync(CancellationToken cancellationToken)
    {
        if (!Reclaim)
        {
            return;
        }

        await startup.StartAsync(cancellationToken);
        exclusive.ClaimEngine(await startup.ReachAsync(cancellationToken), Owner.InstanceName);
        await registration.CheckAsync(info.Current.Identity, cancellationToken);
        foreach (var container in await ContainersAsync(cancellationToken))
        {
            if (ContainerLabels.IsOfRoot(container.Labels, Owner))
            {
                LogRemoved(container.Name, container.Id);
                await engine.RemoveAsync(container.Id, cancellationToken);
            }
        }

        await cloudStorage.ReclaimAsync(cancellationToken);
        OrRefuse(directories.Reclaim);
    }

    /// <summary>
    /// Logs the containers that are still there, which keep their leases (<see cref="Grains.Host.ContainerEventDispatcher"/>). Returns the
    /// ids of the mandelboxes whose containers run; the others have ended, after a reboot for example.
    /// </summary>
    public async Task<IReadOnlyCollection<string>> ReportAsync(CancellationToken cancellationToken)
    {
        var containers = await ContainersAsync(cancellationToken);
        foreach (var container in containers)
        {
            LogLeft(container.Name, container.Id, container.Labels.GetValueOrDefault(ContainerLabels.Root, "unknown"));
        }

        return [.. containers
            .Where(container => container.Running)
            .Select(container => container.Labels.GetValueOrDefault(ContainerLabels.MandelboxId))
            .OfType<string>()];
    }

    private async Task<IReadOnlyList<ContainerDescription>> ContainersAsync(CancellationToken cancellationToken)
    {
        var all = await engine.ListAsync(ContainerLabels.OfAnyHost, cancellationToken);
        return [.. all.Where(container => ContainerLabels.IsOfEarlierRun(container.Labels, Owner))];
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

    [LoggerMessage(LogLevel.Warning, "Container {Name} ({ContainerId}) of an earlier run is removed")]
    private partial void LogRemoved(string name, string containerId);

    [LoggerMessage(
        LogLevel.Warning,
        "Container {Name} ({ContainerId}) of an earlier run with root {Root} is still there and keeps its TTY, ports and GPU "
            + "slot; remove it, or start with that root and Host__OnLeftovers=reclaim to have it removed")]
    private partial void LogLeft(string name, string containerId, string root);
}
