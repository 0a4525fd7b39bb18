namespace HostService.Grains.Host;

/// <summary>The move of a mandelbox as an event: what it is told as, and how bad it is.</summary>
internal static class MandelboxMove
{
    public static EventSeverity SeverityOf(MandelboxDescription mandelbox) => mandelbox.State is MandelboxState.Dying
        ? mandelbox.EndCause switch
        {
            EndCause.EngineLost => EventSeverity.Error,
            EndCause.AppExited or EndCause.Killed or EndCause.Removed or EndCause.OutOfMemory or EndCause.StartFailed
                or EndCause.QuotaExceeded or EndCause.DrainLimit or EndCause.NetworkLost or EndCause.LeaseRevoked
                or EndCause.Remains or EndCause.HostCrashed => EventSeverity.Warning,
            _ => EventSeverity.Information,
        }
        : EventSeverity.Information;

    /// <param name="isReasonTold">Whether an event before this one has the reason of its end.</param>
    public static string TextOf(MandelboxDescription mandelbox, bool isReasonTold) => mandelbox.State switch
    {
        MandelboxState.Allocated => mandelbox.AppName is { } app
            ? $"asked for, with app {app}"
            : "a container of the ECS agent is expected",
        MandelboxState.Leased => mandelbox.Lease is { } lease ? TextOf(lease) : "has a lease",
        MandelboxState.Created => "its container is created",
        MandelboxState.Started => "its container runs",
        MandelboxState.Waiting => "waits for a user",
        MandelboxState.Connecting => "its app is coming up",
        MandelboxState.Running => mandelbox.Phases is [_, _]
            ? "taken over from the last run"
            : $"running after {Durations.InWords(mandelbox.Since - mandelbox.CreatedAt)}",
        MandelboxState.Dying => EndOf(mandelbox, isReasonTold),
        _ => mandelbox.Phases is [.., { State: MandelboxState.Dying } dying, _]
            ? $"gone, and all that it held is given back, after {Durations.InWords(mandelbox.Since - dying.Since)}"
            : "gone",
    };

    private static string TextOf(Lease lease)
    {
        var gpu = lease.GpuIndex == GpuPool.CpuOnly ? "a CPU-only slot" : $"GPU {lease.GpuIndex}";
        var network = lease.Sandbox is null ? "" : ", of a network sandbox";
        return $"has TTY {lease.Tty}, {gpu} and the ports {string.Join(", ", lease.Ports.Select(p => p.HostPort))}{network}";
    }

    private static string EndOf(MandelboxDescription mandelbox, bool isReasonTold)
    {
        var lived = Durations.InWords(mandelbox.Since - mandelbox.CreatedAt);
        return mandelbox switch
        {
            { FailedStep: { } step } when isReasonTold => $"its spin-up failed in step {step} after {lived}",
            { FailedStep: { } step } => $"its spin-up failed in step {step} after {lived}: {mandelbox.EndReason}",
            _ => $"ends after {lived}: {mandelbox.EndReason ?? "no reason was told"}",
        };
    }
}
