using System.Diagnostics.Metrics;
using HostService.Silo.Background;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Unit.Background;

public sealed class LagMeterTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly RecordedMeasurements _lags = new("host_service.event_loop.lag");

    public void Dispose()
    {
        _lags.Dispose();
        _services.Dispose();
    }

    [Theory]
    [InlineData(1250, 0.25)]
    [InlineData(999, 0)]
    public async Task The_lag_is_the_time_beyond_the_delay_that_was_asked_for_and_never_negative(int milliseconds, double lag)
    {
        await Meter(milliseconds).DelayAsync(TimeSpan.FromSeconds(1), CancellationToken.None);

        Assert.Equal([lag], _lags.Values);
    }

    [Fact]
    public async Task A_delay_that_is_cancelled_ends_and_is_not_measured()
    {
        await Meter(1250).DelayAsync(TimeSpan.FromSeconds(1), new CancellationToken(canceled: true));

        Assert.Empty(_lags.Values);
    }

    private LagMeter Meter(int milliseconds) => new(_services.GetRequiredService<IMeterFactory>(), new LateClock(milliseconds));

    /// <summary>Timers fire after this many milliseconds, by its own time.</summary>
    private sealed class LateClock(long milliseconds) : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp() => Interlocked.Exchange(ref _now, milliseconds);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, TimeSpan.Zero, period);
    }
}
