using System.Collections.Concurrent;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Docker;

namespace HostService.Grains.Host;

/// <summary>
/// Passes the engine's events on to the mandelboxes that they concern, and compares mandelboxes with containers after every connect
/// (B19–B21). Slow work runs in the background, so that no event waits for another.
/// </summary>
public sealed partial class ContainerEventDispatcher(
    IContainerEngine engine,
    IGrainFactory grains,
    IBackendDatabase database,
    HostInfoSource hostInfo,
    SandboxKeeper sandboxes,
    ILogger<ContainerEventDispatcher> logger) : IContainerEventHandler, IDisposable
{
    /// <summary>The owner of a lease that is kept for a container of an earlier run begins with this; Docker's id follows.</summary>
    public const string HeldFor = "container ";

    private readonly BackgroundTaskSet _background = new();

    private ContainerOwner Owner => hostInfo.Current.Owner;

    private IHostGrain Host => grains.GetGrain<IHostGrain>(HostKeys.Host(Owner.InstanceName));

    /// <summary>Compares every mandelbox with its container and every container with its mandelbox; throws all failures together.</summary>
    public async Task ReconcileAsync(CancellationToken cancellationToken)
    {
        var failures = new ConcurrentQueue<Exception>();
        var mandelboxes = await Host.ListMandelboxes();

        // In parallel: a full host takes no longer than its slowest container.
        await Task.WhenAll(mandelboxes
            .Where(m => m.State == MandelboxState.Dying
                ? (m.ContainerId ?? m.ExpectedContainerId) is not null
                : m.ContainerId is not null && m.State.HasRunningContainer)
            .Select(m => CollectFailureAsync(() => CheckContainerAsync(m, cancellationToken), failures)));
        foreach (var waiting in mandelboxes.Where(m => m.State.IsAlive && m.ExpectedContainerId is not null))
        {
            // ECS mode: its events may have been missed. Registering it again looks at the container.
            BeginAdoption(
                waiting.MandelboxId, waiting.ExpectedContainerId!, mandelbox => mandelbox.RegisterContainer(waiting.ExpectedContainerId!));
        }

        await CollectFailureAsync(() => CompareContainersAsync(failures, cancellationToken), failures);
        await CollectFailureAsync(() => sandboxes.ReconcileAsync(cancellationToken), failures);
        cancellationToken.ThrowIfCancellationRequested();
        if (failures.OfType<ContainerEngineException>().FirstOrDefault(f => f.Failure == EngineFailure.Unreachable) is { } unreachable)
        {
            throw new ContainerEngineException(unreachable.Failure, unreachable.Message, unreachable);
        }

        if (!failures.IsEmpty)
        {
            throw new AggregateException("Some mandelboxes could not be compared with their containers.", failures);
        }
    }

    /// <summary>Before the first lease is given: keeps what containers of earlier runs use.</summary>
    public async Task HoldEarlierLeasesAsync(CancellationToken cancellationToken) =>
        await HoldEarlierLeasesAsync(await ListAsync(cancellationToken));

    public async Task OnEventAsync(ContainerEvent happened, CancellationToken cancellationToken)
    {
        switch (happened.Action)
        {
            case "die" when ContainerLabels.IsOfEarlierRun(happened.Labels, Owner):
                BeginRowRemoval(happened);
                break;
            case "destroy" when ContainerLabels.IsOfEarlierRun(happened.Labels, Owner):
                await HoldEarlierLeasesAsync(await ListAsync(cancellationToken));
                break;
        }

        if (happened.Action is not ("create" or "start" or "oom" or "die"))
        {
            return;
        }

        if (happened.Action == "die" && ContainerLabels.SandboxOf(happened.Labels, Owner) is { } sandbox)
        {
            await sandboxes.OnEndedAsync(sandbox);
            return;
        }

        var labelled = await FindAsync(happened.ContainerId, happened.Labels, happened.Name);
        if ((labelled ?? await Host.FindByContainer(happened.ContainerId)) is not { } id)
        {
            return;
        }

        switch (happened.Action)
        {
            case "create" when labelled is not null && await grains.GetGrain<IMandelboxGrain>(id).Describe() is null:
                BeginRemoval(id, happened.ContainerId);
                break;
            case "oom":
                await grains.GetGrain<IMandelboxGrain>(id).ContainerOutOfMemory(happened.ContainerId);
                break;
            case "die":
                await ReportDeathAsync(id, new ContainerDeath(happened.ContainerId, happened.ExitCode));
                break;
            case "start" when labelled is null:
                BeginAdoption(id, happened.ContainerId, mandelbox => mandelbox.ContainerStarted(happened.ContainerId));
                break;
            case "start" when await grains.GetGrain<IMandelboxGrain>(id).ContainerStarted(happened.ContainerId) is { } reason:
                LogNotExpected(id, happened.ContainerId, reason);
                BeginRemoval(id, happened.ContainerId);
                break;
        }
    }

    /// <summary>Waits for the background work begun so far.</summary>
    public Task WhenIdleAsync() => _background.WhenIdleAsync();

    /// <summary>Waits for the background work until the token is cancelled, and cancels what is left.</summary>
    public Task EndAsync(CancellationToken cancellationToken) => _background.StopAsync(cancellationToken);

    public void Dispose() => _background.Dispose();

    private static async Task CollectFailureAsync(Func<Task> compare, ConcurrentQueue<Exception> failures)
    {
        try
        {
            await compare();
        }
        catch (Exception exception)
        {
            // The other comparisons go on; all failures are thrown together.
            failures.Enqueue(exception);
        }
    }

    private async Task CheckContainerAsync(MandelboxDescription mandelbox, CancellationToken cancellationToken)
    {
        var (id, containerId) = (mandelbox.MandelboxId, (mandelbox.ContainerId ?? mandelbox.ExpectedContainerId)!);
        var container = await engine.InspectAsync(containerId, cancellationToken);
        if (container is { Running: true })
        {
            return;
        }

        if (mandelbox.State.IsAlive)
        {
            LogDeathMissed(id, containerId);
        }

        await ReportDeathAsync(id, new ContainerDeath(containerId, container?.ExitCode, container?.OutOfMemory ?? false));
    }

    private async Task CompareContainersAsync(ConcurrentQueue<Exception> failures, CancellationToken cancellationToken)
    {
        var ofAnyHost = await ListAsync(cancellationToken);
        await Task.WhenAll(ofAnyHost
            .Select(container => CollectFailureAsync(() => RemoveIfStrayAsync(container), failures))
            .Append(CollectFailureAsync(() => HoldEarlierLeasesAsync(ofAnyHost), failures)));
    }

    private Task<IReadOnlyList<ContainerDescription>> ListAsync(CancellationToken cancellationToken) =>
        engine.ListAsync(ContainerLabels.OfAnyHost, cancellationToken);

    /// <summary>A container that outlived its run keeps what its labels say until it is removed: it may run, or be started.</summary>
    private async Task HoldEarlierLeasesAsync(IEnumerable<ContainerDescription> ofAnyHost)
    {
        await Host.HoldLeases(
        [
            .. ofAnyHost
                .Where(container => ContainerLabels.IsOfEarlierRun(container.Labels, Owner))
                .Select(container => ContainerLabels.Read(container.Labels, container.Name) is { } lease
                    ? lease with { MandelboxId = HeldFor + container.Id }
                    : null)
                .OfType<Lease>(),
        ]);

        // The sandbox of one that was removed is spent.
        sandboxes.Wake();
    }

    private async Task RemoveIfStrayAsync(ContainerDescription container)
    {
        if (await FindAsync(container.Id, container.Labels, container.Name) is not { } id)
        {
            return;
        }

        var mandelbox = await grains.GetGrain<IMandelboxGrain>(id).Describe();
        if (mandelbox is null || (mandelbox.ContainerId is { } own && own != container.Id))
        {
            BeginRemoval(id, container.Id);
        }
    }

    /// <summary>
    /// The mandelbox of one of this run's containers. Of one that waits, the host knows who adopts it before the container's name says so.
    /// </summary>
    private async Task<string?> FindAsync(string containerId, IReadOnlyDictionary<string, string> labels, string name)
    {
        var id = ContainerLabels.MandelboxOf(labels, name, Owner);
        return id is not null && MandelboxIds.IsWaiting(id) ? await Host.FindByContainer(containerId) ?? id : id;
    }

    private Task ReportDeathAsync(string mandelboxId, ContainerDeath death) =>
        grains.GetGrain<IMandelboxGrain>(mandelboxId).ContainerDied(death);

    /// <summary>In the background: an adoption creates directories and devices, and may hang like any spin-up.</summary>
    private void BeginAdoption(string mandelboxId, string containerId, Func<IMandelboxGrain, Task<string?>> adopt) =>
        _background.Begin($"adopt {containerId}", async _ =>
        {
            try
            {
                if (await adopt(grains.GetGrain<IMandelboxGrain>(mandelboxId)) is { } reason)
                {
                    LogNotExpected(mandelboxId, containerId, reason);
                }
            }
            catch (Exception exception)
            {
                // Nobody awaits this. The agent's next call and the next comparison try again.
                LogAdoptionFailed(mandelboxId, containerId, exception);
            }
        });

    /// <summary>
    /// In the background: removes a container with our labels but without a mandelbox. Its creation was answered too late, or somebody
    /// started an old one. The next comparison finds it again if that fails.
    /// </summary>
    private void BeginRemoval(string mandelboxId, string containerId) =>
        _background.Begin($"remove {containerId}", async cancellationToken =>
        {
            try
            {
                // A mandelbox may be over before the event of its creation is handled.
                if (await engine.InspectAsync(containerId, cancellationToken) is null)
                {
                    return;
                }

                LogStray(mandelboxId, containerId);
                await engine.RemoveAsync(containerId, cancellationToken);
            }
            catch (Exception exception)
            {
                // Nobody awaits this.
                LogStrayNotRemoved(mandelboxId, containerId, exception.Message, exception);
            }
        });

    /// <summary>In the background: no step of this run removes the row of a mandelbox that outlived its run.</summary>
    private void BeginRowRemoval(ContainerEvent ended)
    {
        if (ended.Labels.GetValueOrDefault(ContainerLabels.Host) != Owner.InstanceName
            || ContainerLabels.IdOf(ended.Labels, ended.Name) is not { } id)
        {
            return;
        }

        _background.Begin($"remove the row of {id}", async cancellationToken =>
        {
            try
            {
                // One of this run may have the id of the old one by now, and its row.
                if (await grains.GetGrain<IMandelboxGrain>(id).Describe() is null)
                {
                    await database.RemoveMandelboxAsync(id, cancellationToken);
                }
            }
            catch (Exception exception)
            {
                // Nobody awaits this.
                LogRowNotRemoved(id, exception);
            }
        });
    }

    [LoggerMessage(
        LogLevel.Warning, "Mandelbox {MandelboxId}: container {ContainerId} ended while the Docker event stream was interrupted")]
    private partial void LogDeathMissed(string mandelboxId, string containerId);

    [LoggerMessage(LogLevel.Warning, "Mandelbox {MandelboxId}: container {ContainerId} is not expected: {Reason}")]
    private partial void LogNotExpected(string mandelboxId, string containerId, string reason);

    [LoggerMessage(LogLevel.Error, "Mandelbox {MandelboxId}: container {ContainerId} could not be adopted")]
    private partial void LogAdoptionFailed(string mandelboxId, string containerId, Exception exception);

    [LoggerMessage(LogLevel.Warning, "Mandelbox {MandelboxId}: removing container {ContainerId}, which belongs to no live mandelbox")]
    private partial void LogStray(string mandelboxId, string containerId);

    [LoggerMessage(LogLevel.Error, "Mandelbox {MandelboxId} of an earlier run has ended; its row could not be removed")]
    private partial void LogRowNotRemoved(string mandelboxId, Exception exception);

    [LoggerMessage(LogLevel.Error, "Mandelbox {MandelboxId}: stray container {ContainerId} could not be removed: {Reason}")]
    private partial void LogStrayNotRemoved(string mandelboxId, string containerId, string reason, Exception exception);
}
