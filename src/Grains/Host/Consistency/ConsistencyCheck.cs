namespace HostService.Grains.Host.Consistency;

/// <summary>
/// Compares everything that mandelboxes have with the mandelboxes, and mends what differs for longer than a grace period. Twice in a row:
/// only what differs both times counts, so that nothing is taken from a mandelbox that is just coming or going.
/// </summary>
public sealed partial class ConsistencyCheck(
    IGrainFactory grains,
    HostInfoSource info,
    InventoryTaker inventory,
    ContainerEventDispatcher events,
    IOptions<ConsistencyOptions> options,
    TimeProvider timeProvider,
    ILogger<ConsistencyCheck> logger) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1);

    /// <summary>
    /// When each difference was first found. The grace period is measured by the timestamp: the time of day may be set back.
    /// </summary>
    private readonly Dictionary<Thing, (DateTimeOffset At, long Timestamp)> _since = [];

    private readonly BackgroundTaskSet _mendings = new();

    private IHostGrain Host => grains.GetGrain<IHostGrain>(HostKeys.Host(info.Current.Identity.InstanceName));

    /// <summary>What the last comparison found.</summary>
    public IReadOnlyList<Difference> Last { get; private set; } = [];

    /// <summary>Compares now, and begins to mend what is due. Returns every difference.</summary>
    public async Task<IReadOnlyList<Difference>> CheckAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            var last = await inventory.TakeAsync(cancellationToken);
            var findings = Comparison.FindDifferences(last);
            if (findings.Count > 0)
            {
                var before = findings.Select(finding => finding.Thing).ToHashSet();
                last = await inventory.TakeAsync(cancellationToken);
                findings = [.. Comparison.FindDifferences(last).Where(finding => before.Contains(finding.Thing))];
            }

            Remember(findings);
            var differences = findings
                .Select(f => new Difference(f.Thing.Kind, f.Thing.MandelboxId, f.Thing.Name, f.Problem, _since[f.Thing].At))
                .ToArray();
            await Host.ReportDifferences(differences);
            if ((await Host.Describe()).Status != HostStatus.Closed)
            {
                BeginMending(findings, last);
            }

            return Last = differences;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Waits for what <see cref="CheckAsync"/> has begun.</summary>
    public Task WhenIdleAsync() => _mendings.WhenIdleAsync();

    public void Dispose()
    {
        _gate.Dispose();
        _mendings.Dispose();
    }

    /// <summary>Logs each difference when it comes, and when it has gone.</summary>
    private void Remember(IReadOnlyList<Finding> findings)
    {
        foreach (var gone in _since.Keys.Except(findings.Select(finding => finding.Thing)).ToList())
        {
            _since.Remove(gone);
            LogMended(gone.MandelboxId, gone.Kind, gone.Name);
        }

        foreach (var finding in findings)
        {
            if (_since.TryAdd(finding.Thing, (timeProvider.GetUtcNow(), timeProvider.GetTimestamp())))
            {
                LogDifference(finding.Thing.MandelboxId, finding.Thing.Kind, finding.Thing.Name, finding.Problem);
            }
        }
    }

    /// <summary>In the background: an end may take as long as an upload. What is not mended is found, and begun, again.</summary>
    private void BeginMending(IReadOnlyList<Finding> findings, Inventory last)
    {
        var due = findings.Where(finding => timeProvider.GetElapsedTime(_since[finding.Thing].Timestamp) >= options.Value.GracePeriod);
        foreach (var finding in due)
        {
            var (kind, id, name) = finding.Thing;
            var mandelbox = grains.GetGrain<IMandelboxGrain>(id);
            var described = last.Mandelboxes.GetValueOrDefault(id);
            (string Name, Func<CancellationToken, Task> Work)? mending = finding.Mending switch
            {
                Mending.RemoveRemains => ($"remove the remains of {id}", _ => mandelbox.RemoveRemains(RemainsOf(id, last))),
                Mending.Reconcile => ("compare the containers", events.ReconcileAsync),
                Mending.ReportDeath =>
                    ($"report the death of {name}", _ => mandelbox.ContainerDied(new ContainerDeath(name, ExitCode: null))),
                Mending.RestoreLease => ($"restore the lease of {id}", _ => Host.RestoreLease(described!.Lease!)),
                Mending.CorrectList => ($"correct the entry of {id}", _ => CorrectListAsync(mandelbox, last, id)),
                _ => null,
            };
            if (mending is { } begun)
            {
                _mendings.Begin(begun.Name, token => MendAsync(begun.Name, begun.Work, token));
            }
        }
    }

    private static MandelboxRemains RemainsOf(string id, Inventory last)
    {
        var container = (last.Containers ?? []).FirstOrDefault(c => c.MandelboxId == id && c.Run == ContainerRun.This);
        var lease = last.Leases.FirstOrDefault(l => l.MandelboxId == id) ?? container?.Lease;
        return new MandelboxRemains(container?.Id, lease, last.Rows?.Contains(id) == true);
    }

    /// <summary>Asked again: it reports its own moves, which must not be overwritten by an older state.</summary>
    private async Task CorrectListAsync(IMandelboxGrain mandelbox, Inventory last, string id)
    {
        if (await mandelbox.Describe() is { } described)
        {
            await Host.Report(described);
        }
        else if ((await Host.ListMandelboxes()).FirstOrDefault(m => m.MandelboxId == id) is { } listed && !last.Mandelboxes.ContainsKey(id))
        {
            await Host.Report(listed with { State = MandelboxState.Gone });
        }
    }

    private async Task MendAsync(string what, Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        try
        {
            await work(cancellationToken);
        }
        catch (Exception exception)
        {
            // Nobody awaits this; the next check finds the difference again.
            LogNotMended(what, exception.Message, exception);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Mandelbox {MandelboxId}: {Kind} {Name} {Problem}")]
    private partial void LogDifference(string mandelboxId, DifferenceKind kind, string name, string problem);

    [LoggerMessage(LogLevel.Information, "Mandelbox {MandelboxId}: {Kind} {Name} is in order again")]
    private partial void LogMended(string mandelboxId, DifferenceKind kind, string name);

    [LoggerMessage(LogLevel.Warning, "Failed to {What}, which the next comparison repeats: {Reason}")]
    private partial void LogNotMended(string what, string reason, Exception exception);
}
