using HostService.Tests.Support;

namespace HostService.Tests.Unit.Schedules;

/// <summary>
/// The life of a mandelbox (spin-up, repeated requests, stop, death, drives, network sandboxes, one that waits and is adopted, the agent's
/// containers, crash and reattach, lost requests and answers), explored schedule by schedule. <c>SCHEDULES=100000</c> explores more;
/// <c>SCHEDULE_SEED=n</c> repeats one.
/// </summary>
public sealed class ScheduleTests
{
    /// <summary>The rarest defect is found after about 1,000.</summary>
    private const int DefectSchedules = 20_000;

    private static int Schedules => EnvironmentNumber.Read("SCHEDULES") ?? 1_000;

    [Fact]
    public void In_no_schedule_is_anything_leaked_given_back_too_early_or_lost()
    {
        var (first, count) = EnvironmentNumber.Read("SCHEDULE_SEED") is { } seed ? (seed, 1) : (1, Schedules);
        var violation = FirstViolation(Enumerable.Range(first, count), null);
        Assert.True(violation is null, violation);
    }

    [Fact]
    public void Schedules_are_rich_in_adoptions()
    {
        var hosts = Enumerable.Range(1, 300).Select(seed => new ScheduledHost(seed)).ToList();
        hosts.ForEach(host => host.Explore());
        var adopted = hosts.Sum(host => host.Adopted);
        Assert.True(adopted >= 20, $"only {adopted} were adopted");
    }

    [Theory]
    [InlineData(Defect.ReleasesLeaseTooEarly, "is ready without its lease", "given twice", "no end")]
    [InlineData(Defect.ForgetsDevices, "input devices are left")]
    [InlineData(Defect.RemovesDevicesTooEarly, "were removed under its container")]
    [InlineData(Defect.SavesTooEarly, "were saved while its container ran")]
    [InlineData(Defect.RemovesDirectoriesTooLate, "is ready without its directories", "before they were saved", "directories are left")]
    [InlineData(Defect.ForgetsSave, "0 saves")]
    [InlineData(Defect.FreesSandboxTooEarly, "are free while they are there")]
    [InlineData(Defect.OverlooksEndOfSandbox, "goes on without its sandbox")]
    [InlineData(Defect.LeavesAdoptedToTheOther, "input devices are left")]
    public void A_seeded_defect_is_found(Defect defect, params string[] violations)
    {
        var found = FirstViolation(Enumerable.Range(1, DefectSchedules), defect);
        Assert.True(violations.Any(violation => found?.Contains(violation, StringComparison.Ordinal) == true), found);
    }

    private static string? FirstViolation(IEnumerable<int> seeds, Defect? defect)
    {
        foreach (var seed in seeds)
        {
            var host = new ScheduledHost(seed, defect);
            try
            {
                host.Explore();
            }
            catch (Exception exception)
            {
                host.Violations.Add(exception.ToString());
            }

            if (host.Violations.Count > 0)
            {
                return $"SCHEDULE_SEED={seed}: {string.Join("; ", host.Violations)}\n{string.Join('\n', host.Trace)}";
            }
        }

        return null;
    }
}
