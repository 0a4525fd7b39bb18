using HostService.GrainInterfaces;
using HostService.GrainInterfaces.Fleet;
using HostService.Grains.Fleet;

namespace HostService.Tests.Unit.Fleet;

public sealed class FleetHistoryTests
{
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch.AddYears(50);

    private readonly FleetHistory _history = new();

    [Fact]
    public void There_is_one_sample_each_half_minute_and_those_of_two_hours_are_kept()
    {
        for (var second = 0; second < 10_000; second += 2)
        {
            _history.Add(() => [Host(free: second)], Start.AddSeconds(second));
        }

        Assert.Equal(240, _history.Samples.Count);
        Assert.All(
            _history.Samples.Zip(_history.Samples.Skip(1)), pair => Assert.Equal(TimeSpan.FromSeconds(30), pair.Second.At - pair.First.At));
        Assert.Equal(9990, _history.Samples[^1].Free);
    }

    [Fact]
    public void Hosts_that_are_away_do_not_count_and_those_that_are_not_ready_have_nothing_free()
    {
        var unready = Host(free: 3);
        unready = unready with { Report = unready.Report with { NotReady = ["no disk"] } };

        _history.Add(() => [Host(free: 7), unready, Host(free: 9) with { Away = "it is not connected" }], Start);

        Assert.Equal(new FleetSample(Start, Capacity: 20, Users: 2, Free: 7), Assert.Single(_history.Samples));
    }

    [Fact]
    public void A_clock_that_is_set_back_does_not_stop_it()
    {
        _history.Add(() => [], Start);
        _history.Add(() => [], Start.AddHours(-1));
        _history.Add(() => [], Start.AddHours(-1).AddSeconds(29));

        Assert.Equal(2, _history.Samples.Count);
    }

    private static FleetHost Host(int free) => new(
        new HostReport
        {
            Host = "a",
            Address = "10.0.0.1",
            Status = HostStatus.Active,
            Capacity = 10,
            Free = free,
            Mandelboxes = [new ReportedMandelbox("m", MandelboxState.Running, "app", Start)],
        },
        Start,
        Away: null);
}
