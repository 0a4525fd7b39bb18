using HostService.GrainInterfaces;
using HostService.Silo.Doctor;

namespace HostService.Tests.Unit.Doctor;

public sealed class DoctorTextTests
{
    private static readonly DoctorReport Report = new(
        [
            new("engine", CheckOutcome.Ok, "answers in 3 ms", "not shown"),
            new("firewall", CheckOutcome.Failed, string.Join(' ', Enumerable.Repeat("missing", 20)), "run firewall.sh start"),
            new("s3", CheckOutcome.Warning, new string('#', 200)),
        ],
        [new(DifferenceKind.Directory, "m1", "temp/m1", "belongs to no mandelbox", DateTimeOffset.UnixEpoch)]);

    [Fact]
    public void No_line_is_wider_than_the_terminal_and_nothing_is_lost()
    {
        var lines = DoctorText.Lines(Report, 80).ToList();

        Assert.All(lines, line => Assert.InRange(line.Length, 0, 80));
        Assert.Equal(20, lines.Sum(line => line.Split("missing").Length - 1));
        Assert.Equal(200, lines.Sum(line => line.Count(c => c == '#')));
    }

    [Fact]
    public void What_others_have_said_gives_the_terminal_no_commands() => Assert.Equal(
        ["telemetry    FAILED   an invalid status line: ' [2J '"],
        DoctorText.Lines(
            new([new("telemetry", CheckOutcome.Failed, "an invalid status line: '\e[2J\0'")], []), int.MaxValue));

    [Fact]
    public void A_wide_one_has_a_line_for_each_check_advice_where_it_is_needed_and_the_differences() => Assert.Equal(
        [
            "engine       ok       answers in 3 ms",
            $"firewall     FAILED   {string.Join(' ', Enumerable.Repeat("missing", 20))}",
            "                      -> run firewall.sh start",
            $"s3           warning  {new string('#', 200)}",
            "",
            "DIFFERENCES",
            "directory             mandelbox m1: temp/m1 belongs to no mandelbox, since 1970-01-01 00:00:00Z",
        ],
        DoctorText.Lines(Report, int.MaxValue));
}
