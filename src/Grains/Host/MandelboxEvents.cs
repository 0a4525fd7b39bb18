using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox;
using HostService.Machine.Docker;
using Microsoft.Extensions.Logging;

namespace HostService.Grains.Host;

/// <summary>
/// Takes the engine's events to the mandelboxes that they are about, and after every connect compares what the grains believe with what the engine has
/// (B19–B21). What is not ours is ignored.
/// </summary>
public sealed partial class MandelboxEvents(IContainerEngine engine, IGrainFactory grains, HostFactsSource facts, ILogger<MandelboxEvents> logger) : IContainerEventHandler
{
    private string HostName => facts.Current.Identity.InstanceName;

    private IHostGrain Host => grains.GetGrain<IHostGrain>(HostKeys.Host(HostName));

    public async Task ConnectedAsync(CancellationToken cancellationToken)
    {
        var believed = await Host.ListMandelboxes();
        foreach (var mandelbox in believed.Where(m => m.ContainerId is not null && m.State >= MandelboxState.Started))
        {
            var container = await engine.InspectAsync(mandelbox.ContainerId!, cancellationToken);
            if (container is not { Running: true })
            {
                LogMissed(mandelbox.MandelboxId, mandelbox.ContainerId!);
                await TellOfDeathAsync(mandelbox.MandelboxId, mandelbox.ContainerId!, container?.ExitCode, container?.FinishedAt);
            }
        }

        var ours = await engine.ListAsync(new Dictionary<string, string> { [ContainerLabels.Host] = HostName }, cancellationToken);
        foreach (var container in ours)
        {
            if (ContainerLabels.MandelboxOf(container.Labels, HostName) is { } id && container.CreatedAt >= facts.Current.StartedAt
                && await grains.GetGrain<IMandelboxGrain>(id).Describe() is null)
            {
                await RemoveStrayAsync(id, container.Id, cancellationToken);
            }
        }
    }

    public async Task HappenedAsync(ContainerEvent happened, CancellationToken cancellationToken)
    {
        if (happened.Action is not ("create" or "start" or "die"))
        {
            return;
        }

        var ours = ContainerLabels.MandelboxOf(happened.Labels, HostName);
        if ((ours ?? await Host.FindByContainer(happened.ContainerId)) is not { } id)
        {
            return;
        }

        if (happened.Action == "create")
        {
            if (ours is not null && await grains.GetGrain<IMandelboxGrain>(id).Describe() is null)
            {
                await RemoveStrayAsync(id, happened.ContainerId, cancellationToken);
            }
        }
        else if (happened.Action == "die")
        {
            await TellOfDeathAsync(id, happened.ContainerId, happened.ExitCode, happened.At);
        }
        else if (await grains.GetGrain<IMandelboxGrain>(id).ContainerStarted(happened.ContainerId) is { } why)
        {
            LogUnknown(id, happened.ContainerId, why);
            if (ours is not null)
            {
                await RemoveStrayAsync(id, happened.ContainerId, cancellationToken);
            }
        }
    }

    private Task TellOfDeathAsync(string mandelboxId, string containerId, int? exitCode, DateTimeOffset? at) =>
        grains.GetGrain<IMandelboxGrain>(mandelboxId).ContainerDied(new ContainerDeath(containerId, exitCode, at ?? DateTimeOffset.UnixEpoch));

    /// <summary>A container with our labels that no mandelbox knows: its creation was answered too late, or somebody started an old one.</summary>
    private async Task RemoveStrayAsync(string mandelboxId, string containerId, CancellationToken cancellationToken)
    {
        LogStray(mandelboxId, containerId);
        await engine.RemoveAsync(containerId, cancellationToken);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Mandelbox {MandelboxId}: its container {ContainerId} ended while the engine's events were not to be had")]
    private partial void LogMissed(string mandelboxId, string containerId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Mandelbox {MandelboxId}: container {ContainerId} started and is not taken: {Why}")]
    private partial void LogUnknown(string mandelboxId, string containerId, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Mandelbox {MandelboxId}: container {ContainerId} belongs to no living mandelbox and is removed")]
    private partial void LogStray(string mandelboxId, string containerId);
}
