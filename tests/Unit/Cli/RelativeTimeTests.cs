using HostService.Silo.Cli;

namespace HostService.Tests.Unit.Cli;

public sealed class RelativeTimeTests
{
    [Theory]
    [InlineData(-3, "0s")]
    [InlineData(5.9, "5s")]
    [InlineData(60, "1m")]
    [InlineData(3599, "59m")]
    [InlineData(7200, "2h")]
    [InlineData(360_000, "4d")]
    public void A_time_is_told_in_its_largest_unit(double seconds, string expected)
    {
        var now = DateTimeOffset.UnixEpoch.AddDays(9);

        Assert.Equal(expected, RelativeTime.Lasting(TimeSpan.FromSeconds(seconds)));
        Assert.Equal($"{expected} ago", RelativeTime.Ago(now.AddSeconds(-seconds), now));
    }
}
