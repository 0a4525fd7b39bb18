using System.Collections.Concurrent;
using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using Microsoft.Extensions.Logging;

namespace HostService.Grains.Host;

/// <summary>
/// Takes the engine's events to the mandelboxes that they are about, and after every connect compares what the grains believe with what the engine has
/// (B19–B21). What is not ours is ignored. What can take long goes on beside the events.
/// </summary>
public sealed partial class ContainerEventDispatcher(IContainerEngine engine, IGrainFactory grains, HostInfoSource facts, ILogger<ContainerEventDispatcher> logger)
    : IContainerEventHandler, IDisposable
{
    private readonly BackgroundTaskSet _beside = new();

    private string HostName => facts.Current.Identity.InstanceName;

    private IHostGrain Host => grains.GetGrain<IHostGrain>(HostKeys.Host(HostName));

    /// <summary>Each mandelbox is compared whatever came of the others; all that failed is thrown together.</summary>
    public async Task ReconcileAsync(CancellationToken cancellationToken)
    {
        var failures = new ConcurrentQueue<Exception>();
        var believed = await Host.ListMandelboxes();

        // Side by side: a host full of mandelboxes takes no longer than the slowest of them.
        await Task.WhenAll(believed
            .Where(m => m.ContainerId is not null && m.State >= MandelboxState.Started)
            .Select(m => AttemptAsync(() => FindDeathAsync(m, cancellationToken), failures)));
        foreach (var waiting in believed.Where(m => m.ExpectedContainerId is not null))
        {
            // Its start or its end may have been missed, or could not be looked at: registering it again looks.
            TakeOver(waiting.MandelboxId, waiting.ExpectedContainerId!, mandelbox => mandelbox.RegisterContainer(waiting.ExpectedContainerId!));
        }

        await AttemptAsync(() => FindStraysAsync(failures, cancellationToken), failures);
        cancellationToken.ThrowIfCancellationRequested();
        if (failures.OfType<ContainerEngineException>().FirstOrDefault(f => f.Failure == EngineFailure.Unreachable) is { } gone)
        {
            throw new ContainerEngineException(gone.Failure, gone.Message, gone);
        }

        if (!failures.IsEmpty)
        {
            throw new AggregateException("Not every mandelbox could be compared with the engine.", failures);
        }
    }

    public async Task OnEventAsync(ContainerEvent happened, CancellationToken cancellationToken)
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

        switch (happened.Action)
        {
            case "create" when ours is not null && await grains.GetGrain<IMandelboxGrain>(id).Describe() is null:
                RemoveStray(id, happened.ContainerId);
                break;
            case "die":
                await TellOfDeathAsync(id, happened.ContainerId, happened.ExitCode, happened.At);
                break;
            case "start" when ours is null:
                TakeOver(id, happened.ContainerId, mandelbox => mandelbox.ContainerStarted(happened.ContainerId));
                break;
            case "start" when await grains.GetGrain<IMandelboxGrain>(id).ContainerStarted(happened.ContainerId) is { } why:
                LogUnknown(id, happened.ContainerId, why);
                RemoveStray(id, happened.ContainerId);
                break;
        }
    }

    /// <summary>Ends once what events have begun until now is done.</summary>
    public Task WhenDoneAsync() => _beside.WhenDoneAsync();

    /// <summary>Waits for what events have begun, until the token is cancelled; what is not done by then is given up.</summary>
    public Task EndAsync(CancellationToken cancellationToken) => _beside.EndAsync(cancellationToken);

    public void Dispose() => _beside.Dispose();

    private static async Task AttemptAsync(Func<Task> compare, ConcurrentQueue<Exception> failures)
    {
        try
        {
            await compare();
        }
        catch (Exception exception)
        {
            // Whatever it is, it costs the others nothing; all of them are thrown together.
            failures.Enqueue(exception);
        }
    }

    private async Task FindDeathAsync(MandelboxDescription mandelbox, CancellationToken cancellationToken)
    {
        var (id, containerId) = (mandelbox.MandelboxId, mandelbox.ContainerId!);
        var container = await engine.InspectAsync(containerId, cancellationToken);
        if (container is not { Running: true })
        {
            if (mandelbox.State < MandelboxState.Dying)
            {
                LogMissed(id, containerId);
            }

            await TellOfDeathAsync(id, containerId, container?.ExitCode, container?.FinishedAt);
        }
    }

    private async Task FindStraysAsync(ConcurrentQueue<Exception> failures, CancellationToken cancellationToken)
    {
        var ours = await engine.ListAsync(new Dictionary<string, string> { [ContainerLabels.Host] = HostName }, cancellationToken);
        await Task.WhenAll(ours.Where(c => c.CreatedAt >= facts.Current.StartedAt).Select(c => AttemptAsync(() => FindStrayAsync(c), failures)));
    }

    private async Task FindStrayAsync(ContainerDescription container)
    {
        if (ContainerLabels.MandelboxOf(container.Labels, HostName) is { } id && await grains.GetGrain<IMandelboxGrain>(id).Describe() is null)
        {
            RemoveStray(id, container.Id);
        }
    }

    private Task TellOfDeathAsync(string mandelboxId, string containerId, int? exitCode, DateTimeOffset? at) =>
        grains.GetGrain<IMandelboxGrain>(mandelboxId).ContainerDied(new ContainerDeath(containerId, exitCode, at ?? DateTimeOffset.UnixEpoch));

    /// <summary>Taking a container over means directories, devices and a lease, which may hang like any step of a spin-up.</summary>
    private void TakeOver(string mandelboxId, string containerId, Func<IMandelboxGrain, Task<string?>> take) => _beside.Begin($"take over {containerId}", async _ =>
    {
        try
        {
            if (await take(grains.GetGrain<IMandelboxGrain>(mandelboxId)) is { } why)
            {
                LogUnknown(mandelboxId, containerId, why);
            }
        }
        catch (Exception exception)
        {
            // Boundary: nobody awaits this. The agent's next call about the container makes another try, and so does the next comparison.
            LogNotTakenOver(mandelboxId, containerId, exception);
        }
    });

    /// <summary>
    /// A container with our labels that no mandelbox knows: its creation was answered too late, or somebody started an old one. Where the engine cannot remove it, the
    /// next comparison finds it again.
    /// </summary>
    private void RemoveStray(string mandelboxId, string containerId) => _beside.Begin($"remove {containerId}", async cancellationToken =>
    {
        LogStray(mandelboxId, containerId);
        try
        {
            await engine.RemoveAsync(containerId, cancellationToken);
        }
        catch (Exception exception)
        {
            // Boundary: nobody awaits this.
            LogStrayLeft(mandelboxId, containerId, exception.Message, exception);
        }
    });

    [LoggerMessage(Level = LogLevel.Warning, Message = "Mandelbox {MandelboxId}: its container {ContainerId} ended while the engine's events were not to be had")]
    private partial void LogMissed(string mandelboxId, string containerId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Mandelbox {MandelboxId}: container {ContainerId} is not taken: {Why}")]
    private partial void LogUnknown(string mandelboxId, string containerId, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "Mandelbox {MandelboxId}: container {ContainerId} could not be taken over")]
    private partial void LogNotTakenOver(string mandelboxId, string containerId, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Mandelbox {MandelboxId}: container {ContainerId} belongs to no living mandelbox and is removed")]
    private partial void LogStray(string mandelboxId, string containerId);

    [LoggerMessage(Level = LogLevel.Error, Message = "Mandelbox {MandelboxId}: container {ContainerId}, which belongs to no living mandelbox, is left: {Why}")]
    private partial void LogStrayLeft(string mandelboxId, string containerId, string why, Exception exception);
}
