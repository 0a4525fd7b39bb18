using HostService.GrainInterfaces;
using HostService.Infrastructure;
using HostService.Infrastructure.Gpu;
using HostService.Infrastructure.Metrics;
using HostService.Tests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Metrics;

public sealed class MetricsWatchTests
{
    private readonly ManualClock _clock = new();

    [Fact]
    public async Task Readings_come_at_once_and_then_every_30_seconds_give_or_take_one()
    {
        var watch = new MetricsWatch(new Instant(_clock), Options.Create(new MetricsOptions()), _clock);
        await using var readings = watch.WatchAsync(default).GetAsyncEnumerator();
        Assert.True(await readings.MoveNextAsync());
        Assert.Equal(_clock.GetUtcNow(), readings.Current.At);

        for (var i = 0; i < 20; i++)
        {
            var next = readings.MoveNextAsync().AsTask();
            _clock.Advance(TimeSpan.FromSeconds(28.999));
            Assert.Equal(1, _clock.PendingTimers);
            _clock.Advance(TimeSpan.FromSeconds(2.002));
            Assert.Equal(0, _clock.PendingTimers);
            Assert.True(await next);
        }
    }

    [Fact]
    public async Task Cancelling_ends_it()
    {
        using var end = new CancellationTokenSource();
        await using var readings = new MetricsWatch(new Instant(_clock), Options.Create(new MetricsOptions()), _clock).WatchAsync(end.Token)
            .GetAsyncEnumerator(end.Token);
        await readings.MoveNextAsync();
        var next = readings.MoveNextAsync().AsTask();
        await end.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next);
    }

    [Fact]
    public void The_services_are_wired_and_every_fault_of_the_section_is_named_at_once()
    {
        using var good = Provider([]);
        Assert.NotNull(good.GetRequiredService<MetricsWatch>());
        Assert.NotNull(good.GetRequiredService<IMachineMetrics>().Read().DiskTotalKb);

        using var bad = Provider(new() { ["Metrics:ProcRoot"] = "proc", ["Metrics:DiskPath"] = "x", ["Metrics:Interval"] = "00:00:00" });
        Assert.Equal(
            4, Assert.Throws<OptionsValidationException>(() => bad.GetRequiredService<IOptions<MetricsOptions>>().Value).Failures.Count());
    }

    private static ServiceProvider Provider(Dictionary<string, string?> settings) => new ServiceCollection()
        .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(settings).Build())
        .AddLogging()
        .AddSingleton(TimeProvider.System)
        .AddOptions<HostOptions>().Services
        .AddGpus()
        .AddMachineMetrics()
        .BuildServiceProvider();

    private sealed class Instant(TimeProvider clock) : IMachineMetrics
    {
        public MachineFigures Read() => new() { At = clock.GetUtcNow() };
    }
}
