using System.Globalization;
using System.Runtime.CompilerServices;

namespace HostService.Grains.Mandelbox;

/// <summary>
/// The two lines of a mandelbox's life: one when it runs, with the time of each phase, and one when it has gone, with the cause. The moves
/// between them are logged as Debug.
/// </summary>
public static partial class MandelboxLog
{
    private const int ShortContainerId = 12;

    /// <summary>Called after each move.</summary>
    public static void OnMoved(ILogger logger, MandelboxContext context)
    {
        if (!logger.IsEnabled(LogLevel.Information))
        {
            return;
        }

        var state = context.State;
        switch (state.Current)
        {
            // One that was taken over has a line of its own.
            case MandelboxState.Running or MandelboxState.Waiting when state.Phases.Count > 2:
                LogUp(
                    logger,
                    context.MandelboxId,
                    state.Current == MandelboxState.Running ? "runs" : "waits for a user",
                    Durations.InWords(state.Since - state.CreatedAt),
                    PhasesOf(state.Phases),
                    FactsOf(context));
                break;
            case MandelboxState.Gone:
                LogGone(
                    logger, context.MandelboxId, Durations.InWords(state.Since - state.CreatedAt), EndOf(context), FactsOf(context));
                break;
        }
    }

    // Piece by piece, as in the lines below: strings of parts would be garbage of every mandelbox.
    private static string PhasesOf(IReadOnlyList<MandelboxPhase> phases)
    {
        var text = new DefaultInterpolatedStringHandler(0, 0, CultureInfo.InvariantCulture);
        for (var i = 1; i < phases.Count; i++)
        {
            text.AppendLiteral(i == 1 ? "" : ", ");
            text.AppendFormatted(phases[i].State);
            text.AppendLiteral(" ");
            text.AppendLiteral(Durations.InWords(phases[i].Since - phases[i - 1].Since));
        }

        return text.ToStringAndClear();
    }

    /// <summary>The reason of a failed spin-up has a line of its own.</summary>
    private static string EndOf(MandelboxContext context)
    {
        var exitCode = context.Container.ExitCode is { } code ? $", exit code {code}" : "";
        return context.FailedStep is { } step
            ? $"{context.State.EndCause} in step {step}{exitCode}"
            : $"{context.State.EndCause} ({context.State.EndReason}){exitCode}";
    }

    private static string FactsOf(MandelboxContext context)
    {
        var text = new DefaultInterpolatedStringHandler(0, 0, CultureInfo.InvariantCulture);
        text.AppendLiteral("app ");
        text.AppendLiteral(context.Request?.AppName is { Length: > 0 } app ? app : "-");
        if ((context.Lease ?? context.FormerLease) is { } lease)
        {
            text.AppendLiteral(", TTY ");
            text.AppendFormatted(lease.Tty);
            text.AppendLiteral(", ports");
            foreach (var port in lease.Ports)
            {
                text.AppendLiteral(" ");
                text.AppendFormatted(port.HostPort);
            }
        }

        text.AppendLiteral(", container ");
        text.AppendFormatted(context.Container.Id is { } id ? id.AsSpan(0, Math.Min(id.Length, ShortContainerId)) : "-");
        return text.ToStringAndClear();
    }

    [LoggerMessage(LogLevel.Information, "Mandelbox {MandelboxId} {State} after {Total} ({Phases}): {Facts}")]
    private static partial void LogUp(ILogger logger, string mandelboxId, string state, string total, string phases, string facts);

    [LoggerMessage(LogLevel.Information, "Mandelbox {MandelboxId} has gone after {Total}: {End}; {Facts}")]
    private static partial void LogGone(ILogger logger, string mandelboxId, string total, string end, string facts);
}
