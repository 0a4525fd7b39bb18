using HostService.GrainInterfaces;
using HostService.Silo.Cli;

namespace HostService.Tests.Unit.Cli;

/// <summary>The sentence that an operator reads first.</summary>
public sealed class ExplanationTests
{
    private static readonly DateTimeOffset Begin = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(EndCause.UserLeft, 0, "the user left, and the app ended by itself (exit code 0)")]
    [InlineData(EndCause.UserLeft, null, "why")]
    [InlineData(EndCause.AppExited, 1, "the app ended with exit code 1")]
    [InlineData(EndCause.AppExited, 139, "the app ended with exit code 139: by signal SEGV")]
    [InlineData(EndCause.AppExited, 200, "the app ended with exit code 200")]
    [InlineData(EndCause.AppExited, null, "the app ended with an exit code that the engine did not tell")]
    [InlineData(EndCause.Killed, 137, "its container was killed from outside (kill -9, docker kill, or its shim died); it had memory left")]
    [InlineData(EndCause.Removed, 137, "somebody removed its container (docker rm)")]
    [InlineData(EndCause.OutOfMemory, 137, "it used all of its memory, and the kernel killed it")]
    [InlineData(EndCause.Operator, 0, "an operator ended it")]
    [InlineData(EndCause.Operator, 137, "an operator ended it; the app did not end on TERM, and was killed")]
    [InlineData(EndCause.EngineLost, null, "the container engine was lost")]
    [InlineData(EndCause.QuotaExceeded, null, "why")]
    public void The_cause_of_an_end_is_named(EndCause cause, int? exitCode, string expected) =>
        Assert.Equal(expected, Explanation.CauseOf(Box(MandelboxState.Gone) with { EndCause = cause, ExitCode = exitCode }));

    [Fact]
    public void A_failed_spin_up_names_its_step_and_reason()
    {
        var box = Box(MandelboxState.Gone) with
        {
            EndCause = EndCause.StartFailed,
            FailedStep = "image",
            EndReason = "no local image matches app x.",
        };

        Assert.Equal("its spin-up failed in step image: no local image matches app x", Explanation.CauseOf(box));
    }

    [Theory]
    [InlineData(MandelboxState.Running, null, null, "m1 (browsers/chrome) runs, for 3 min now; it was up after 1.5 s.")]
    [InlineData(MandelboxState.Waiting, null, null, "m1 (browsers/chrome) waits for a user, for 3 min now.")]
    [InlineData(MandelboxState.Allocated, null, 2, "m1 (browsers/chrome) waits for what it needs, at place 2, for 3 min now.")]
    [InlineData(MandelboxState.Leased, "create", null, "m1 (browsers/chrome) is being started, for 3 min 1 s now. It is in step create.")]
    [InlineData(
        MandelboxState.Dying, null, null, "m1 (browsers/chrome) is ending, for 3 min now: an operator ended it. What it holds is being given back.")]
    [InlineData(
        MandelboxState.Gone, null, null,
        "m1 (browsers/chrome) ended 3m ago: an operator ended it. It lived for 1.5 s, and holds nothing any more.")]
    public void It_says_what_the_mandelbox_is_doing_or_why_it_ended(MandelboxState state, string? step, int? place, string expected)
    {
        var box = Box(state) with { Step = step, QueuePlace = place, EndCause = EndCause.Operator };

        Assert.Equal(expected, Explanation.Of(box, box.Since.AddMinutes(3)));
    }

    private static MandelboxDescription Box(MandelboxState state) => new()
    {
        MandelboxId = "m1",
        State = state,
        AppName = "browsers/chrome",
        EndReason = "why",
        CreatedAt = Begin,
        Since = Begin.AddSeconds(1.5),
    };
}
