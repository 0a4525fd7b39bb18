using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Cluster;

/// <summary>What becomes of grains when the machine's clock is set.</summary>
public sealed class ClockTests
{
    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    public async Task A_clock_that_is_set_keeps_no_mandelbox_from_coming_up(int hours)
    {
        var clock = new SettableClock();
        await using var cluster = await new HostCluster
        {
            Replace = services => services.AddSingleton<TimeProvider>(clock),
        }.StartAsync();

        clock.Set(TimeSpan.FromHours(hours));

        var answer = await cluster.Mandelbox("m1").SpinUp(HostCluster.Request());
        Assert.NotNull(answer.Access);
        Assert.True(await cluster.Mandelbox("m1").Stop("it is enough"));
    }

    /// <summary>Its timers are the system's.</summary>
    private sealed class SettableClock : TimeProvider
    {
        private TimeSpan _offset;

        public void Set(TimeSpan offset) => _offset = offset;

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + _offset;
    }
}
