using HostService.GrainInterfaces;

namespace HostService.Tests.Unit.Host;

public sealed class DurationsTests
{
    [Theory]
    [InlineData(-5, "0 ms")]
    [InlineData(0, "0 ms")]
    [InlineData(0.34, "340 ms")]
    [InlineData(0.9999, "1.0 s")]
    [InlineData(1.24, "1.2 s")]
    [InlineData(9.96, "9 s")]
    [InlineData(42.9, "42 s")]
    [InlineData(60, "1 min")]
    [InlineData(125, "2 min 5 s")]
    [InlineData(3600, "1 h")]
    [InlineData(11_400, "3 h 10 min")]
    [InlineData(187_200, "2 d 4 h")]
    public void A_time_is_told_in_its_two_largest_units(double seconds, string expected) =>
        Assert.Equal(expected, Durations.InWords(TimeSpan.FromSeconds(seconds)));
}
