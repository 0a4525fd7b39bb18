using HostService.GrainInterfaces;
using HostService.Silo.Cli;

namespace HostService.Tests.Unit.Cli;

/// <summary>What fits into the 80 columns of a pipe.</summary>
public sealed class MandelboxTablesTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Those_that_live_fit_into_80_columns_with_what_an_operator_needs()
    {
        var box = Box("0123456789abcdef0123456789abcdef", MandelboxState.Running) with
        {
            Lease = new Lease(
                Guid.Empty, "m", 12, 0,
                [new(32262, Transport.Tcp, 30001), new(32263, Transport.Udp, 30002), new(32273, Transport.Tcp, 30003)]),
        };

        var lines = MandelboxTables.Living([box, Box("m2", MandelboxState.Allocated) with { QueuePlace = 1 }], Now).Lines(80, false).ToList();

        Assert.Equal(
        [
            "MANDELBOX      STATE       SINCE   APP               TTY  GPU  PORTS",
            "012345…abcdef  Running     3m ago  mandelboxes/demo  12   0    30001 30002 30003",
            "m2             Queued (1)  3m ago  mandelboxes/demo  -    -    -",
        ], lines);
    }

    [Fact]
    public void Those_that_have_gone_are_told_with_cause_and_reason()
    {
        var box = Box("m1", MandelboxState.Gone) with { EndCause = EndCause.AppExited, EndReason = "its container ended with exit code 1" };

        Assert.Equal(
        [
            "ENDED   MANDELBOX  APP               LIVED  CAUSE      REASON",
            "3m ago  m1         mandelboxes/demo  57m    AppExited  its container ended with",
            "                                                       exit code 1",
        ], MandelboxTables.Gone([box], Now).Lines(80, false));
    }

    [Fact]
    public void Steps_are_told_with_their_beginning_their_time_and_their_failure()
    {
        var box = Box("m1", MandelboxState.Dying);
        TimelineStep[] steps =
        [
            new("lease", false, box.CreatedAt.AddMilliseconds(3), 0.4f), new("create", false, box.CreatedAt.AddSeconds(1), 380, "no"),
            new("create", true, box.CreatedAt.AddSeconds(2)),
        ];

        Assert.Equal(
        [
            "STEP         BEGAN   TOOK    FAILURE",
            "lease        +3 ms   0 ms    -",
            "create       +1.0 s  380 ms  no",
            "undo create  +2.0 s  runs    -",
        ], MandelboxTables.Steps(new MandelboxTimeline(box, steps)).Lines(80, false));
    }

    private static MandelboxDescription Box(string id, MandelboxState state) => new()
    {
        MandelboxId = id,
        State = state,
        AppName = "mandelboxes/demo",
        UserId = "auth0|somebody-with-a-long-id",
        CreatedAt = Now.AddHours(-1),
        Since = Now.AddMinutes(-3),
    };
}
