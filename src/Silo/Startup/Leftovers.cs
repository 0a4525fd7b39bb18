using HostService.Grains;
using HostService.Grains.Host;
using HostService.Grains.Mandelbox;
using HostService.Grains.Mandelbox.Steps;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Infrastructure.Storage.Records;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Silo.Hosting;

namespace HostService.Silo.Startup;

/// <summary>Finds what a run left that did not end cleanly, and takes it over or removes it (B4).</summary>
public sealed partial class Leftovers(
    IOptions<HostOptions> options,
    IOptions<MandelboxOptions> mandelboxOptions,
    HostDirectories directories,
    MandelboxRecords records,
    EngineStartup startup,
    ExclusiveUse exclusive,
    Registration registration,
    HostInfoSource info,
    IGrainFactory grains,
    IContainerEngine engine,
    SandboxKeeper sandboxes,
    ICloudStorage cloudStorage,
    IUserConfigStore userConfigs,
    IDescriptorStore descriptors,
    TimeProvider timeProvider,
    ILogger<Leftovers> logger)
{
    /// <summary>Mandelboxes that go on in this run.</summary>
    public IReadOnlyList<ReattachRequest> Reattached { get; private set; } = [];

    public IReadOnlyCollection<string> ReattachedIds => [.. Reattached.Select(request => request.Lease.MandelboxId)];

    private bool Refuses => options.Value.OnLeftovers == "refuse";

    private ContainerOwner Owner => info.Current.Owner;

    /// <exception cref="StartRefusedException">
    /// The last run left its directories, and they are not to be taken over, or were not made by this service.
    /// </exception>
    public void Check()
    {
        if (directories.Leftover is not { } directory)
        {
            return;
        }

        if (Refuses)
        {
            throw new StartRefusedException(
                ExitCodes.Refused,
                $"{directory} is already there: the last run did not end cleanly, or another one is still running. End that one; or run "
                + "'host-service reclaim', which saves the user configs and removes what is left; or start with Host__OnLeftovers=reclaim "
                + "(the same at every start) or reattach (running mandelboxes go on).");
        }

        OrRefuse(directories.ThrowIfNotReclaimable);
    }

    /// <summary>As configured, once this run can start.</summary>
    /// <exception cref="StartRefusedException">This run cannot start, or user configs cannot be saved, which stay then.</exception>
    public async Task TakeBackAsync(CancellationToken cancellationToken)
    {
        if (!Refuses)
        {
            await registration.CheckAsync(info.Current.Identity, cancellationToken);
            await ReclaimAsync(discardUnsaved: false, cancellationToken);
        }
    }

    /// <summary>
    /// Ends the containers that the last run left, saves their user configs, and removes the directories. With <c>reattach</c> running
    /// containers go on, with what they use.
    /// </summary>
    /// <param name="discardUnsaved">Gives up user configs that cannot be saved; otherwise they stay, and so do the directories.</param>
    /// <exception cref="StartRefusedException">
    /// The engine does not answer, another running service uses it, or user configs cannot be saved, which stay then.
    /// </exception>
    public async Task ReclaimAsync(bool discardUnsaved, CancellationToken cancellationToken)
    {
        await startup.StartAsync(cancellationToken);
        exclusive.ClaimEngine(await startup.ReachAsync(cancellationToken), Owner.InstanceName);
        var containers = await OfThisRootAsync(cancellationToken);
        if (options.Value.Reattaches)
        {
            ChooseReattached(containers);
        }

        var lost = containers.ExceptBy(Reattached.Select(request => request.ContainerId), container => container.Id).ToList();
        await Task.WhenAll(lost.Select(container => EndAsync(container, cancellationToken)));
        AddToHistory(lost);
        await sandboxes.RemoveLeftAsync(cancellationToken);
        await cloudStorage.ReclaimAsync(ReattachedIds, cancellationToken);
        await SaveUserConfigsAsync(discardUnsaved, cancellationToken);
        records.RemoveUnfinished();
        OrRefuse(() => directories.Reclaim(ReattachedIds));
        await registration.RemoveLostAsync(ReattachedIds, cancellationToken);
    }

    /// <summary>What <see cref="ReclaimAsync"/> would do, a line each. Changes nothing.</summary>
    public async Task<IReadOnlyList<string>> DescribeAsync(CancellationToken cancellationToken)
    {
        await startup.ReachAsync(cancellationToken);
        var containers = await OfThisRootAsync(cancellationToken);
        var left = await sandboxes.ListLeftAsync(containers.Select(container => container.Id).ToHashSet(), cancellationToken);
        return
        [
            .. containers.Select(c =>
                $"container {c.Name} ({c.Status}) of mandelbox {ContainerLabels.IdOf(c.Labels, c.Name)} would be "
                + (c.Running ? "stopped and removed" : "removed")),
            .. left.Select(sandbox => $"container {sandbox}, a network sandbox, would be removed"),
            .. RecordsOfEnded().Where(r => KeyOfSave(r) is not null).Select(r => $"user configs of mandelbox {r} would be saved"),
            .. directories.Leftover is { } root ? [$"directory {root} would be removed"] : Array.Empty<string>(),
        ];
    }

    /// <summary>Takes over the mandelboxes that go on, all at once.</summary>
    public async Task ReattachAsync()
    {
        await Task.WhenAll(Reattached.Select(async request =>
        {
            var id = request.Lease.MandelboxId;
            if (await grains.GetGrain<IMandelboxGrain>(id).Reattach(request) is { } reason)
            {
                LogNotReattached(id, reason);
            }
        }));

        // Input devices of mandelboxes that have ended.
        descriptors.RemoveUntaken();
    }

    /// <summary>
    /// Logs the containers of earlier runs that are still there, which keep their leases
    /// (<see cref="Grains.Host.ContainerEventDispatcher"/>). Returns the ids of the mandelboxes whose containers run; the others have
    /// ended, after a reboot for example.
    /// </summary>
    public async Task<IReadOnlyCollection<string>> ReportAsync(CancellationToken cancellationToken)
    {
        var containers = await OfEarlierRunsAsync(cancellationToken);
        foreach (var container in containers)
        {
            LogLeft(container.Name, container.Id, container.Labels.GetValueOrDefault(ContainerLabels.Root, "unknown"));
        }

        return [.. containers
            .Where(container => container.Running)
            .Select(container => ContainerLabels.IdOf(container.Labels, container.Name))
            .OfType<string>()
            .Concat(ReattachedIds)];
    }

    /// <summary>
    /// The running mandelboxes of one run, whose name this run takes: their labels say so for ever. Not those that wait: they have no user.
    /// </summary>
    private void ChooseReattached(IReadOnlyList<ContainerDescription> containers)
    {
        var run = containers
            .Where(container => container.Running && IsOfUser(container))
            .GroupBy(c => c.Labels.GetValueOrDefault(ContainerLabels.Run, ""))
            .MaxBy(group => group.Count());
        if (run is { Key.Length: > 0 })
        {
            info.Set(info.Current with { Run = run.Key });
            Reattached = [.. run.Select(ContainerLabels.ReadReattachRequest)];
        }
    }

    private async Task EndAsync(ContainerDescription container, CancellationToken cancellationToken)
    {
        LogRemoved(container.Name, container.Id);
        if (container.Running)
        {
            // As at every end: the app writes its settings when it is told to end.
            await engine.StopAsync(container.Id, mandelboxOptions.Value.StopGrace, cancellationToken);
        }

        await engine.RemoveAsync(container.Id, cancellationToken);
    }

    /// <summary>The last run did not see their end.</summary>
    private void AddToHistory(IEnumerable<ContainerDescription> lost)
    {
        var ended = new EndedMandelboxes(options.Value.EndedFile, logger);
        foreach (var container in lost.Where(IsOfUser))
        {
            var request = ContainerLabels.ReadReattachRequest(container);
            var record = records.Find(request.Lease.MandelboxId) is { } found && found.ContainerId == container.Id ? found : null;
            var now = timeProvider.GetUtcNow();
            IReadOnlyList<MandelboxPhase> phases = [.. record?.Phases ?? [], new MandelboxPhase(MandelboxState.Gone, now)];
            ended.Add(new MandelboxTimeline(
                new MandelboxDescription
                {
                    MandelboxId = request.Lease.MandelboxId,
                    State = MandelboxState.Gone,
                    Since = now,
                    CreatedAt = phases[0].Since,
                    AppName = request.AppName,
                    UserId = record?.UserId ?? request.UserId,
                    SessionId = record?.SessionId ?? request.SessionId,
                    ContainerId = container.Id,
                    Lease = request.Lease,
                    EndCause = EndCause.HostCrashed,
                    EndReason = "the service had crashed or was killed; its container "
                        + (container.Running ? "still ran, and was ended" : $"({container.Status}) was removed"),
                    ExitCode = container.Running ? null : container.ExitCode,
                    Phases = phases,
                },
                Steps: []));
        }
    }

    private static bool IsOfUser(ContainerDescription container) => ContainerLabels.Read(container.Labels, container.Name) is { } lease
        && lease.MandelboxId != MandelboxIds.WarmUp && !MandelboxIds.IsWaiting(lease.MandelboxId);

    private IEnumerable<MandelboxRecord> RecordsOfEnded() => records.ReadAll().ExceptBy(ReattachedIds, record => record.MandelboxId);

    private async Task SaveUserConfigsAsync(bool discardUnsaved, CancellationToken cancellationToken)
    {
        var failures = await Task.WhenAll(
            RecordsOfEnded().Select(record => SaveUserConfigsAsync(record, discardUnsaved, cancellationToken)));
        if (failures.OfType<string>().ToList() is { Count: > 0 } unsaved)
        {
            throw new StartRefusedException(
                ExitCodes.Failed,
                $"User configs of the last run could not be saved, and stay: {string.Join("; ", unsaved)}. Try again once the store "
                + "answers; 'host-service reclaim --discard-unsaved' gives them up.");
        }
    }

    /// <summary>Returns null when nothing of this record is left to save, or what could not be saved and why.</summary>
    private async Task<string?> SaveUserConfigsAsync(
        MandelboxRecord record, bool discardUnsaved, CancellationToken cancellationToken)
    {
        if (KeyOfSave(record) is { } archiveKey)
        {
            var directory = UserConfigsOf(record);
            var key = UserConfigKeys.For(record.UserId, record.AppName, info.Current.Environment);
            var answer = await userConfigs.SaveAsync(record.Fetched, key, archiveKey, directory, cancellationToken);
            if (answer.Saved)
            {
                LogSaved(record.MandelboxId);
            }
            else if (answer.Reason is { } reason)
            {
                LogNotSaved(record.MandelboxId, reason);

                // What may not be replaced can never be saved.
                if (!discardUnsaved && record.Fetched != FetchOutcome.Unknown)
                {
                    return $"{record}: {reason}";
                }
            }
        }

        records.Remove(record.MandelboxId);
        return null;
    }

    private string UserConfigsOf(MandelboxRecord record) => new MandelboxPaths(options.Value.Root, record.MandelboxId).UserConfigs;

    /// <summary>Null where nothing is to be saved.</summary>
    private ArchiveKey? KeyOfSave(MandelboxRecord record) => record.Fetched.AllowsSave && Directory.Exists(UserConfigsOf(record))
        ? ArchiveKey.FromSecret(record.ArchiveKey)
        : null;

    private async Task<IReadOnlyList<ContainerDescription>> OfThisRootAsync(CancellationToken cancellationToken) =>
        [.. (await OfEarlierRunsAsync(cancellationToken)).Where(container => ContainerLabels.IsOfRoot(container.Labels, Owner))];

    private async Task<IReadOnlyList<ContainerDescription>> OfEarlierRunsAsync(CancellationToken cancellationToken)
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

    [LoggerMessage(LogLevel.Information, "Mandelbox {MandelboxId} of an earlier run: its user configs are saved")]
    private partial void LogSaved(string mandelboxId);

    [LoggerMessage(LogLevel.Error, "Mandelbox {MandelboxId} of an earlier run: its user configs were not saved: {Reason}")]
    private partial void LogNotSaved(string mandelboxId, string reason);

    [LoggerMessage(LogLevel.Error, "Mandelbox {MandelboxId} of the last run could not be taken over: {Reason}")]
    private partial void LogNotReattached(string mandelboxId, string reason);

    [LoggerMessage(
        LogLevel.Warning,
        "Container {Name} ({ContainerId}) of an earlier run with root {Root} is still there and keeps its TTY, ports and GPU "
            + "slot; remove it, or start with that root and Host__OnLeftovers=reclaim to have it removed")]
    private partial void LogLeft(string name, string containerId, string root);
}
