using HostService.GrainInterfaces;
using HostService.Grains.Host;

namespace HostService.Tests.Unit.Host;

/// <summary>What an operator reads of a mandelbox's life.</summary>
public sealed class MandelboxMoveTests
{
    private static readonly DateTimeOffset Begin = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_lease_is_told_with_all_that_it_holds()
    {
        var lease = new Lease(Guid.Empty, "m1", 12, 1, [new(32262, Transport.Tcp, 30001), new(32263, Transport.Udp, 30002)], "sandbox-1");

        Assert.Equal(
            "has TTY 12, GPU 1 and the ports 30001, 30002, of a network sandbox", Text(Box(MandelboxState.Leased) with { Lease = lease }));
        Assert.Equal(
            "has TTY 12, a CPU-only slot and the ports 30001, 30002",
            Text(Box(MandelboxState.Leased) with { Lease = lease with { GpuIndex = -1, Sandbox = null } }));
    }

    [Fact]
    public void One_that_runs_says_how_long_that_took_unless_it_was_taken_over()
    {
        var box = Box(MandelboxState.Running);

        Assert.Equal("running after 1.5 s", Text(box with { Phases = [.. Phases(4)] }));
        Assert.Equal("taken over from the last run", Text(box with { Phases = [.. Phases(2)] }));
    }

    [Fact]
    public void A_failed_spin_up_is_told_with_its_step_and_its_reason_once()
    {
        var box = Box(MandelboxState.Dying) with
        {
            FailedStep = "create",
            EndCause = EndCause.StartFailed,
            EndReason = "the name is taken",
        };

        Assert.Equal("its spin-up failed in step create after 1.5 s: the name is taken", Text(box));
        Assert.Equal("its spin-up failed in step create after 1.5 s", MandelboxMove.TextOf(box, isReasonTold: true));
    }

    [Theory]
    [InlineData(EndCause.UserLeft, EventSeverity.Information)]
    [InlineData(EndCause.Operator, EventSeverity.Information)]
    [InlineData(EndCause.Adopted, EventSeverity.Information)]
    [InlineData(EndCause.AppExited, EventSeverity.Warning)]
    [InlineData(EndCause.OutOfMemory, EventSeverity.Warning)]
    [InlineData(EndCause.EngineLost, EventSeverity.Error)]
    public void How_bad_an_end_is_depends_on_its_cause_and_is_said_once(EndCause cause, EventSeverity severity)
    {
        var box = Box(MandelboxState.Dying) with { EndCause = cause };

        Assert.Equal(severity, MandelboxMove.SeverityOf(box));
        Assert.Equal(EventSeverity.Information, MandelboxMove.SeverityOf(box with { State = MandelboxState.Gone }));
    }

    [Theory]
    [MemberData(nameof(States))]
    public void No_state_tells_of_the_user(MandelboxState state)
    {
        var text = Text(Box(state) with { UserId = "auth0|secret-user", EndReason = "why" });

        Assert.NotEqual("", text);
        Assert.DoesNotContain("secret-user", text, StringComparison.Ordinal);
    }

    public static TheoryData<MandelboxState> States => [.. Enum.GetValues<MandelboxState>()];

    private static string Text(MandelboxDescription mandelbox) => MandelboxMove.TextOf(mandelbox, isReasonTold: false);

    private static IEnumerable<MandelboxPhase> Phases(int count) =>
        Enumerable.Range(0, count).Select(i => new MandelboxPhase((MandelboxState)i, Begin));

    private static MandelboxDescription Box(MandelboxState state) => new()
    {
        MandelboxId = "m1",
        State = state,
        AppName = "browsers/chrome",
        CreatedAt = Begin,
        Since = Begin.AddSeconds(1.5),
    };
}
