namespace HostService.Silo.Cli;

/// <summary>Mandelboxes, their steps and their events, as tables.</summary>
internal static class MandelboxTables
{
    /// <summary>Those that have not gone.</summary>
    public static TextTable Living(IEnumerable<MandelboxDescription> mandelboxes, DateTimeOffset now)
    {
        var table = new TextTable(
            new("MANDELBOX", ColumnFit.Id),
            new("STATE"),
            new("SINCE", Dropped: 5),
            new("APP", ColumnFit.Id),
            new("TTY", Dropped: 4),
            new("GPU", Dropped: 2),
            new("PORTS", Dropped: 3),
            new("USER", ColumnFit.Id, Dropped: 1));
        foreach (var mandelbox in mandelboxes)
        {
            var lease = mandelbox.Lease;
            table.Add(
                mandelbox.MandelboxId,
                StateOf(mandelbox),
                RelativeTime.Ago(mandelbox.Since, now),
                mandelbox.AppName,
                $"{lease?.Tty}",
                lease is { GpuIndex: >= 0 and var gpu } ? $"{gpu}" : null,
                string.Join(' ', (lease?.Ports ?? []).Select(p => p.HostPort)),
                mandelbox.UserId);
        }

        return table;
    }

    /// <summary>Those that have gone.</summary>
    public static TextTable Gone(IEnumerable<MandelboxDescription> mandelboxes, DateTimeOffset now)
    {
        var table = new TextTable(
            new("ENDED"),
            new("MANDELBOX", ColumnFit.Id),
            new("APP", Dropped: 1),
            new("LIVED", Dropped: 2),
            new("CAUSE"),
            new("REASON", ColumnFit.Text));
        foreach (var mandelbox in mandelboxes)
        {
            table.Add(
                RelativeTime.Ago(mandelbox.Since, now),
                mandelbox.MandelboxId,
                mandelbox.AppName,
                RelativeTime.Lasting(mandelbox.Since - mandelbox.CreatedAt),
                new TextCell($"{mandelbox.EndCause}", ToneOf(mandelbox.EndCause)),
                mandelbox.EndReason);
        }

        return table;
    }

    public static TextTable Steps(MandelboxTimeline timeline)
    {
        var table = new TextTable(new("STEP"), new("BEGAN"), new("TOOK"), new("FAILURE", ColumnFit.Text));
        foreach (var step in timeline.Steps)
        {
            table.Add(
                step.Undo ? $"undo {step.Name}" : step.Name,
                $"+{Durations.InWords(step.StartedAt - timeline.Mandelbox.CreatedAt)}",
                step.Milliseconds is { } took
                    ? Durations.InWords(TimeSpan.FromMilliseconds(took))
                    : new TextCell("runs", Tone.Warning),
                new TextCell(step.Failure, step.Failure is null ? Tone.Plain : Tone.Bad));
        }

        return table;
    }

    /// <param name="now">Null for the time of day: of events that are told as they happen.</param>
    public static TextTable Events(IEnumerable<HostEvent> events, DateTimeOffset? now, bool ofOne = false)
    {
        TextColumn[] columns =
        [
            new("WHEN"), new("KIND", Dropped: 1, Least: 9), .. ofOne ? [] : new[] { new TextColumn("MANDELBOX", ColumnFit.Id) },
            new("EVENT", ColumnFit.Text),
        ];
        var table = new TextTable(columns);
        foreach (var happened in events)
        {
            var tone = happened.Severity switch
            {
                EventSeverity.Error => Tone.Bad,
                EventSeverity.Warning => Tone.Warning,
                _ => Tone.Plain,
            };
            TextCell[] cells =
            [
                now is { } then ? RelativeTime.Ago(happened.At, then) : happened.At.ToLocalTime().ToString("HH:mm:ss"),
                $"{happened.Kind}", .. ofOne ? [] : new TextCell[] { happened.MandelboxId }, new TextCell(happened.Text, tone),
            ];
            table.Add(cells);
        }

        return table;
    }

    private static TextCell StateOf(MandelboxDescription mandelbox) => mandelbox switch
    {
        { QueuePlace: { } place } => new TextCell($"Queued ({place})", Tone.Warning),
        { State: MandelboxState.Running } => new TextCell(nameof(MandelboxState.Running), Tone.Good),
        { State: MandelboxState.Waiting } => new TextCell(nameof(MandelboxState.Waiting), Tone.Faint),
        { State: MandelboxState.Dying } => new TextCell(nameof(MandelboxState.Dying), Tone.Warning),
        _ => $"{mandelbox.State}",
    };

    private static Tone ToneOf(EndCause? cause) => cause switch
    {
        EndCause.UserLeft or EndCause.Operator or EndCause.Probe or EndCause.Replaced or EndCause.HostStopped => Tone.Plain,
        _ => Tone.Warning,
    };
}
