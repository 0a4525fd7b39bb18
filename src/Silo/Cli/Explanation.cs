namespace HostService.Silo.Cli;

/// <summary>What a mandelbox is doing, or why it ended, in a sentence.</summary>
public static class Explanation
{
    /// <summary>The exit code of a process that a signal has ended is this and the signal's number.</summary>
    private const int SignalBase = 128;

    private const int Kill = 9;

    public static string Of(MandelboxDescription mandelbox, DateTimeOffset now)
    {
        var app = mandelbox.AppName is { Length: > 0 } name ? $" ({name})" : "";
        var head = $"{mandelbox.MandelboxId}{app}";
        var age = Durations.InWords(mandelbox.Since - mandelbox.CreatedAt);
        var since = Durations.InWords(now - mandelbox.Since);
        return mandelbox switch
        {
            { State: MandelboxState.Gone } => $"{head} ended {RelativeTime.Ago(mandelbox.Since, now)}: {CauseOf(mandelbox)}. "
                + $"It lived for {age}, and holds nothing any more.",
            { State: MandelboxState.Dying } => $"{head} is ending, for {since} now: {CauseOf(mandelbox)}. {DoingOf(mandelbox)}",
            { State: MandelboxState.Running } => $"{head} runs, for {since} now; it was up after {age}.",
            { State: MandelboxState.Waiting } => $"{head} waits for a user, for {since} now.",
            { QueuePlace: { } place } => $"{head} waits for what it needs, at place {place}, for {since} now.",
            _ => $"{head} is being started, for {Durations.InWords(now - mandelbox.CreatedAt)} now. {DoingOf(mandelbox)}",
        };
    }

    /// <summary>Why it ended: no sentence yet, so that it may stand in one.</summary>
    public static string CauseOf(MandelboxDescription mandelbox) => mandelbox.EndCause switch
    {
        EndCause.UserLeft when mandelbox.ExitCode == 0 => "the user left, and the app ended by itself (exit code 0)",
        EndCause.AppExited => $"the app ended with {CodeOf(mandelbox.ExitCode)}",
        EndCause.Killed => "its container was killed from outside (kill -9, docker kill, or its shim died); it had memory left",
        EndCause.Removed => "somebody removed its container (docker rm)",
        EndCause.OutOfMemory => "it used all of its memory, and the kernel killed it",
        EndCause.StartFailed when mandelbox.FailedStep is { } step => $"its spin-up failed in step {step}: {ReasonOf(mandelbox)}",
        EndCause.Operator => $"an operator ended it{IgnoredTerm(mandelbox)}",
        EndCause.HostStopped => $"the host was stopped{IgnoredTerm(mandelbox)}",
        EndCause.DrainLimit => $"the host drained, and the drain had lasted as long as it may{IgnoredTerm(mandelbox)}",
        EndCause.EngineLost => "the container engine was lost",
        EndCause.Probe => "it was the host's own, to try a spin-up",
        null => "no cause was told",
        _ => ReasonOf(mandelbox),
    };

    private static string IgnoredTerm(MandelboxDescription mandelbox) =>
        mandelbox.ExitCode == SignalBase + Kill ? "; the app did not end on TERM, and was killed" : "";

    private static string CodeOf(int? exitCode) => exitCode switch
    {
        null => "an exit code that the engine did not tell",
        > SignalBase when SignalOf(exitCode.Value - SignalBase) is { } signal => $"exit code {exitCode}: by signal {signal}",
        _ => $"exit code {exitCode}",
    };

    private static string? SignalOf(int number) => number switch
    {
        1 => "HUP",
        2 => "INT",
        3 => "QUIT",
        4 => "ILL",
        6 => "ABRT",
        7 => "BUS",
        8 => "FPE",
        Kill => "KILL",
        11 => "SEGV",
        13 => "PIPE",
        15 => "TERM",
        _ => null,
    };

    private static string ReasonOf(MandelboxDescription mandelbox) => (mandelbox.EndReason ?? "no reason was told").TrimEnd('.');

    private static string DoingOf(MandelboxDescription mandelbox) => mandelbox switch
    {
        { Step: { } step } => $"It is in step {step}.",
        { ContainerMayRun: true, State: MandelboxState.Dying } => "The engine has not reported the end of its container.",
        { State: MandelboxState.Dying } => "What it holds is being given back.",
        _ => "No step runs at this moment.",
    };
}
