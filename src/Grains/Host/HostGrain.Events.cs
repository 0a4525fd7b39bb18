namespace HostService.Grains.Host;

/// <summary>What the host enters in its <see cref="EventJournal"/>, and who reads it.</summary>
public sealed partial class HostGrain
{
    /// <summary>Mandelboxes with an event that says why they were refused, until they end.</summary>
    private readonly HashSet<string> _refused = new(StringComparer.Ordinal);
    private readonly EventJournal _journal = new(timeProvider);

    public Task<IReadOnlyList<HostEvent>> ListEvents(int limit, string? mandelboxId = null) =>
        Task.FromResult(_journal.Last(limit, mandelboxId));

    public async Task<IReadOnlyList<HostEvent>> ReadEvents(long after, int limit, CancellationToken cancellationToken = default)
    {
        // A deactivation waits for the calls that run.
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.ApplicationStopping);
        return await _journal.ReadAsync(after, limit, over.Token);
    }

    private void RecordMove(MandelboxDescription mandelbox)
    {
        var isReasonTold = mandelbox is { State: MandelboxState.Dying, FailedStep: not null } && _refused.Contains(mandelbox.MandelboxId);
        _journal.Add(
            HostEventKind.Mandelbox,
            MandelboxMove.SeverityOf(mandelbox),
            MandelboxMove.TextOf(mandelbox, isReasonTold),
            mandelbox.MandelboxId,
            mandelbox.State,
            mandelbox.EndCause);
        if (mandelbox.State is MandelboxState.Leased or MandelboxState.Gone)
        {
            _refused.Remove(mandelbox.MandelboxId);
        }
    }

    private void RecordRefusal(string mandelboxId, string refusal)
    {
        _journal.Add(HostEventKind.Refused, EventSeverity.Warning, $"no lease: {refusal}", mandelboxId);
        if (_mandelboxes.ContainsKey(mandelboxId))
        {
            _refused.Add(mandelboxId);
        }
    }

    private void RecordStatus(HostStatus from, string? reason)
    {
        var text = (from, _status) switch
        {
            (HostStatus.Draining, HostStatus.Active) => "the drain is cancelled: the host takes spin-ups again",
            (_, HostStatus.Active) => "the host takes spin-ups",
            (_, HostStatus.Draining) => "the host drains: it takes no new mandelboxes, and waits for those that are there",
            _ => "the host is closed: it is shutting down",
        };
        _journal.Add(HostEventKind.Host, EventSeverity.Information, reason is null ? text : $"{text} ({reason})");
    }

    private void RecordGpus(IReadOnlyList<GpuDescription> before)
    {
        foreach (var gpu in _leases.Gpus.Describe())
        {
            switch ((before.FirstOrDefault(b => b.Index == gpu.Index)?.Unhealthy, gpu.Unhealthy))
            {
                case (null, { } why):
                    _journal.Add(HostEventKind.Gpu, EventSeverity.Error, $"GPU {gpu.Index} is out of service: {why}");
                    break;
                case ({ } why, null):
                    _journal.Add(
                        HostEventKind.Gpu, EventSeverity.Information, $"GPU {gpu.Index} is back in service; it was out because {why}");
                    break;
            }
        }
    }

    private void RecordDifferences(IReadOnlyList<Difference> before, IReadOnlyList<Difference> now)
    {
        foreach (var found in now.ExceptBy(before.Select(ThingOf), ThingOf))
        {
            _journal.Add(
                HostEventKind.Leak, EventSeverity.Warning, $"{NameOf(found)} {found.Problem}", found.MandelboxId);
        }

        foreach (var mended in before.ExceptBy(now.Select(ThingOf), ThingOf))
        {
            _journal.Add(HostEventKind.Leak, EventSeverity.Information, $"{NameOf(mended)} is in order again", mended.MandelboxId);
        }

        static (DifferenceKind Kind, string MandelboxId, string Name) ThingOf(Difference difference) =>
            (difference.Kind, difference.MandelboxId, difference.Name);

        static string NameOf(Difference difference) => $"{difference.Kind.ToString().ToLowerInvariant()} {difference.Name}";
    }
}
