using HostService.GrainInterfaces;
using HostService.Grains.Host;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Host;

public sealed class ReservationsTests
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);

    private readonly ManualClock _clock = new();
    private readonly Reservations _reservations;

    public ReservationsTests() => _reservations = new Reservations(_clock);

    [Fact]
    public void One_lasts_for_its_time()
    {
        Assert.Null(_reservations.NextExpiry);
        _reservations.Keep("a");

        _clock.Advance(HostReservations.Lasting - Moment);
        Assert.Equal((true, 1, Moment), (_reservations.Has("a"), _reservations.Count, _reservations.NextExpiry));

        _clock.Advance(Moment);
        Assert.Equal((false, 0, null), (_reservations.Has("a"), _reservations.Count, _reservations.NextExpiry));
    }

    [Fact]
    public void One_that_is_repeated_lasts_from_then_on_and_counts_once()
    {
        _reservations.Keep("a");
        _clock.Advance(HostReservations.Lasting - Moment);
        _reservations.Keep("a");

        _clock.Advance(HostReservations.Lasting - Moment);
        Assert.Equal(1, _reservations.Count);

        _clock.Advance(Moment);
        Assert.Equal(0, _reservations.Count);
    }

    [Fact]
    public void The_next_to_expire_is_the_oldest()
    {
        _reservations.Keep("a");
        _clock.Advance(10 * Moment);
        _reservations.Keep("b");
        Assert.Equal(HostReservations.Lasting - (10 * Moment), _reservations.NextExpiry);

        _reservations.Remove("a");
        Assert.Equal(HostReservations.Lasting, _reservations.NextExpiry);
    }

    [Fact]
    public void Those_of_others_are_counted_without_its_own()
    {
        _reservations.Keep("a");
        _reservations.Keep("b");
        Assert.Equal((1, 1, 2), (_reservations.CountOthers("a"), _reservations.CountOthers("b"), _reservations.CountOthers("c")));

        _reservations.Remove("b");
        _reservations.Remove("c");
        Assert.Equal((0, 1), (_reservations.CountOthers("a"), _reservations.CountOthers("b")));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    public void A_clock_that_is_set_changes_nothing(int hours)
    {
        _reservations.Keep("a");

        _clock.Set(TimeSpan.FromHours(hours));

        Assert.Equal(HostReservations.Lasting, _reservations.NextExpiry);
    }
}
