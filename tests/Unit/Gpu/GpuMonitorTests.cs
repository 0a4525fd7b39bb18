using HostService.GrainInterfaces;
using HostService.Infrastructure.Gpu;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Gpu;

public sealed class GpuMonitorTests
{
    private readonly ManualClock _clock = new();
    private readonly ScriptedInventory _inventory = new();
    private readonly GpuOptions _options = new() { ReadingInterval = TimeSpan.FromSeconds(10), ReadingTimeout = TimeSpan.FromSeconds(5) };

    [Fact]
    public async Task A_reading_is_kept_for_the_metrics_and_tells_how_every_gpu_is()
    {
        var monitor = Monitor();
        Assert.Null(monitor.LastReading);

        Assert.Equal(2, (await monitor.ReadAsync(default)).Count);
        Assert.Equal(2, monitor.LastReading?.Gpus.Count);
    }

    [Fact]
    public async Task A_driver_that_hangs_costs_the_deadline_and_is_not_asked_a_second_time()
    {
        var monitor = Monitor();
        await monitor.ReadAsync(default);
        var release = _inventory.Hang();

        for (var failed = 1; failed <= 3; failed++)
        {
            var statuses = await WithinTimeout(monitor);
            Assert.Equal(failed == 3, statuses[0].Unhealthy is not null);
            Assert.Null(monitor.LastReading);
        }

        Assert.Equal(2, _inventory.Readings);
        release.SetResult();
        await monitor.ReadAsync(default);
        Assert.NotNull(monitor.LastReading);
        Assert.Equal(2, _inventory.Readings);
        await monitor.ReadAsync(default);
        Assert.Equal(3, _inventory.Readings);
    }

    [Fact]
    public async Task An_xid_that_a_late_reading_brings_is_not_lost()
    {
        var monitor = Monitor();
        await monitor.ReadAsync(default);
        var release = _inventory.Hang();
        _inventory.Xids = [79];
        await WithinTimeout(monitor);
        release.SetResult();

        Assert.Contains("XID 79", (await monitor.ReadAsync(default))[0].Unhealthy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reading_that_throws_is_a_failed_reading_and_not_the_end()
    {
        var monitor = Monitor();
        await monitor.ReadAsync(default);
        _inventory.Throws = new InvalidOperationException("broken");

        Assert.Null((await monitor.ReadAsync(default))[0].Unhealthy);
        await monitor.ReadAsync(default);
        Assert.Contains("broken", (await monitor.ReadAsync(default))[0].Unhealthy, StringComparison.Ordinal);

        _inventory.Throws = null;
        await monitor.ReadAsync(default);
        Assert.NotNull(monitor.LastReading);
    }

    [Fact]
    public async Task Watching_reads_at_once_and_then_at_the_interval_until_cancelled()
    {
        using var end = new CancellationTokenSource();
        await using var readings = Monitor().WatchAsync(end.Token).GetAsyncEnumerator(end.Token);
        Assert.True(await readings.MoveNextAsync());

        var next = readings.MoveNextAsync().AsTask();
        Assert.Equal(1, _inventory.Readings);
        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.True(await next);
        Assert.Equal(2, _inventory.Readings);

        var last = readings.MoveNextAsync().AsTask();
        await end.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => last);
    }

    [Fact]
    public async Task A_cancelled_reading_ends_even_while_the_driver_hangs()
    {
        var monitor = Monitor();
        var release = _inventory.Hang();
        using var end = new CancellationTokenSource();
        var reading = monitor.ReadAsync(end.Token);
        await end.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        release.SetResult();
    }

    [Fact]
    public async Task A_cold_driver_is_waited_for_at_start_beyond_the_deadline_of_later_readings()
    {
        var release = _inventory.Hang();
        var stock = Monitor().TakeInventoryAsync(default);
        await _inventory.Reached;
        _clock.Advance(TimeSpan.FromSeconds(59));
        release.SetResult();

        Assert.Equal((2, null), ((await stock).Gpus.Count, (await stock).WhyNone));
        Assert.Equal(1, _inventory.Readings);
    }

    [Fact]
    public async Task A_driver_that_does_not_answer_at_start_is_not_taken_for_a_machine_without_gpus()
    {
        var release = _inventory.Hang();
        var stock = Monitor().TakeInventoryAsync(default);
        await _inventory.Reached;
        _clock.Advance(TimeSpan.FromSeconds(60));

        Assert.Empty((await stock).Gpus);
        Assert.Equal("the driver did not answer within 60 s", (await stock).WhyNone);
        release.SetResult();
    }

    [Theory]
    [InlineData(
        GpuAvailability.NoLibrary, "libnvidia-ml.so.1: cannot open", "NVIDIA's library is not installed (libnvidia-ml.so.1: cannot open)")]
    [InlineData(GpuAvailability.NoDriver, "Driver Not Loaded", "NVIDIA's driver is not loaded, or fails (Driver Not Loaded)")]
    [InlineData(GpuAvailability.Available, null, "NVIDIA's driver 550 works but lists no GPU")]
    public async Task Why_there_are_no_gpus_is_told_apart(GpuAvailability availability, string? detail, string why)
    {
        _inventory.Instead = new GpuReading(availability, detail, "550", []);

        Assert.Equal(why, (await Monitor().TakeInventoryAsync(default)).WhyNone);
    }

    [Fact]
    public async Task A_first_reading_that_throws_says_what_it_met()
    {
        _inventory.Throws = new InvalidOperationException("broken");

        Assert.Equal("broken", (await Monitor().TakeInventoryAsync(default)).WhyNone);
    }

    private GpuMonitor Monitor() => new(_inventory, Options.Create(_options), _clock, NullLogger<GpuMonitor>.Instance);

    /// <summary>Lets the deadline pass once the monitor waits for it.</summary>
    private async Task<IReadOnlyList<GpuDescription>> WithinTimeout(GpuMonitor monitor)
    {
        var reading = monitor.ReadAsync(default);
        await _inventory.Reached;
        Assert.Equal(1, _clock.PendingTimers);
        _clock.Advance(TimeSpan.FromSeconds(5));
        return await reading;
    }

    private sealed class ScriptedInventory : IGpuInventory
    {
        private readonly TaskCompletionSource _reached = new();
        private volatile TaskCompletionSource? _hang;

        public int Readings { get; private set; }

        /// <summary>A reading has come to where it hangs.</summary>
        public Task Reached => _reached.Task;

        public Exception? Throws { get; set; }

        public IReadOnlyList<int> Xids { get; set; } = [];

        public GpuReading? Instead { get; set; }

        public TaskCompletionSource Hang() => _hang = new TaskCompletionSource();

        public GpuReading Read()
        {
            Readings++;
            if (_hang is { } hang)
            {
                _reached.TrySetResult();
                hang.Task.Wait();
                _hang = null;
            }

            return Throws is null
                ? Instead ?? new GpuReading(GpuAvailability.Available, null, "550", [Gpu(0) with { Xids = Xids }, Gpu(1)])
                : throw Throws;
        }

        public void Dispose()
        {
        }

        private static GpuInfo Gpu(int index) => new() { Index = index, Uuid = $"GPU-{index}" };
    }
}
