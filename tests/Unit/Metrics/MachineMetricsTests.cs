using HostService.GrainInterfaces;
using HostService.Infrastructure.Gpu;
using HostService.Infrastructure.Metrics;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging;

namespace HostService.Tests.Unit.Metrics;

public sealed class MachineMetricsTests : IDisposable
{
    private const string Meminfo =
        "MemTotal:       24684096 kB\nMemFree:        17685400 kB\nMemAvailable:   22736052 kB\nBuffers: 33940 kB\n";

    private readonly DirectoryInfo _proc = Directory.CreateTempSubdirectory("proc");
    private readonly ManualClock _clock = new();
    private readonly CountingLogger _logger = new();
    private GpuReading? _gpus;

    public MachineMetricsTests()
    {
        Write("meminfo", Meminfo);
        Write("stat", Stat(idle: 800, user: 200));
        Write("loadavg", "18.71 12.10 6.89 11/356 29886\n");
        Write("uptime", "3094.76 3841.13\n");
    }

    [Fact]
    public void Every_figure_is_read()
    {
        _gpus = Gpus(Gpu(16, 4, 12, 30, 10), Gpu(16, 2, 14, 50, 20));

        var reading = Metrics().Read();

        Assert.Equal(_clock.GetUtcNow(), reading.At);
        Assert.Equal((24684096, 17685400, 22736052), (reading.TotalMemoryKb, reading.FreeMemoryKb, reading.AvailableMemoryKb));
        Assert.Equal((4, 20.0, 3_200_000_000), (reading.LogicalCpus, Math.Round(reading.CpuPercent!.Value, 6), reading.NanoCpusRemaining));
        Assert.Equal((18.71, 12.10, 6.89, 3094.76), (reading.Load1, reading.Load5, reading.Load15, reading.UptimeSeconds));
        Assert.Equal(
            (2, 32 << 20, 6 << 20, 26 << 20), (reading.Gpus, reading.TotalGpuMemoryKb, reading.UsedGpuMemoryKb, reading.FreeGpuMemoryKb));
        Assert.Equal((40, 15), (reading.GpuPercent, reading.GpuMemoryPercent));
        Assert.True(reading.DiskTotalKb > 0);
        Assert.InRange(reading.DiskUsedKb!.Value, 1, reading.DiskTotalKb!.Value);
        Assert.InRange(reading.DiskFreeKb!.Value, 0, reading.DiskTotalKb.Value - reading.DiskUsedKb.Value);
        Assert.Equal(
            100.0 * reading.DiskUsedKb.Value / (reading.DiskUsedKb.Value + reading.DiskFreeKb.Value), reading.DiskUsedPercent!.Value, 0.01);
        Assert.Equal(0, _logger.Warnings);
    }

    [Fact]
    public void Cpu_is_the_share_since_the_last_reading()
    {
        var metrics = Metrics();
        metrics.Read();
        Write("stat", Stat(idle: 810, user: 290));

        var reading = metrics.Read();

        Assert.Equal(90, reading.CpuPercent!.Value, 0.0001);
        Assert.Equal(400_000_000, reading.NanoCpusRemaining);
    }

    [Fact]
    public void Two_readings_within_one_tick_tell_the_same_share()
    {
        var metrics = Metrics();

        Assert.Equal(metrics.Read().CpuPercent, metrics.Read().CpuPercent);
    }

    [Fact]
    public void Waiting_for_the_disk_is_idle_and_a_guests_time_is_counted_once()
    {
        Write("stat", "cpu 100 50 40 500 200 4 3 3 90 40\ncpu0 1 1 1 1\n");

        Assert.Equal(100.0 * 200 / 900, Metrics().Read().CpuPercent!.Value, 0.0001);
    }

    [Fact]
    public void A_kernel_whose_idle_time_steps_back_is_not_more_than_wholly_busy()
    {
        var metrics = Metrics();
        metrics.Read();
        Write("stat", Stat(idle: 799, user: 220));

        Assert.Equal((100, 0), (metrics.Read().CpuPercent, metrics.Read().NanoCpusRemaining));
    }

    [Theory]
    [InlineData("meminfo")]
    [InlineData("stat")]
    [InlineData("loadavg")]
    [InlineData("uptime")]
    public void A_file_that_is_missing_costs_only_its_own_figures_and_is_told_once(string file)
    {
        _gpus = Gpus(Gpu(16, 4, 12, 30, 10));
        var metrics = Metrics();
        var whole = FiguresOf(metrics.Read());
        File.Delete(Path.Combine(_proc.FullName, file));

        var rest = FiguresOf(metrics.Read());
        metrics.Read();

        Assert.Equal(whole.Count - Owned(file).Length, rest.Count);
        Assert.All(Owned(file), f => Assert.DoesNotContain(f, rest));
        Assert.Equal(1, _logger.Warnings);
    }

    [Theory]
    [InlineData("MemTotal:       many kB\nMemFree: 5 kB\nMemAvailable: -7 kB\n", null, 5L, null)]
    [InlineData("MemTotal: 5\nMemFreedom: 6 kB\nMemAvailable: 7 kB extra\n", null, null, null)]
    [InlineData("MemTotal: 99999999999999999999 kB\n\0\0\nMemFree: 5 kB", null, 5L, null)]
    [InlineData("", null, null, null)]
    public void A_damaged_line_costs_only_its_own_figure(string meminfo, long? total, long? free, long? available)
    {
        Write("meminfo", meminfo);

        var reading = Metrics().Read();

        Assert.Equal((total, free, available), (reading.TotalMemoryKb, reading.FreeMemoryKb, reading.AvailableMemoryKb));
        Assert.NotNull(reading.CpuPercent);
    }

    [Theory]
    [InlineData("")]
    [InlineData("cpu")]
    [InlineData("cpu 1 2 3\n")]
    [InlineData("cpu 1 2 x 4 5\n")]
    [InlineData("intr 5\n")]
    public void A_damaged_stat_gives_no_share_and_does_not_spoil_the_next(string stat)
    {
        var metrics = Metrics();
        metrics.Read();
        Write("stat", stat);
        var damaged = metrics.Read();
        Assert.Equal((null, null), (damaged.CpuPercent, damaged.NanoCpusRemaining));

        Write("stat", Stat(idle: 850, user: 250));
        Assert.Equal(50, metrics.Read().CpuPercent!.Value, 0.0001);
    }

    [Theory]
    [InlineData("1.0", 1.0, null)]
    [InlineData("a 2.5 c", null, 2.5)]
    [InlineData("NaN Infinity 1e999", null, null)]
    [InlineData("", null, null)]
    public void A_damaged_load_costs_only_its_own_figure(string loadavg, double? one, double? five)
    {
        Write("loadavg", loadavg);

        var reading = Metrics().Read();

        Assert.Equal((one, five), (reading.Load1, reading.Load5));
    }

    [Fact]
    public void A_disk_path_that_is_not_there_yet_is_told_by_the_directory_that_is()
    {
        Assert.NotNull(Metrics(Path.Combine(_proc.FullName, "not", "yet")).Read().DiskTotalKb);
    }

    [Fact]
    public void A_machine_without_gpus_has_none_and_one_whose_driver_is_away_does_not_know()
    {
        _gpus = new GpuReading(GpuAvailability.NoLibrary, "no library", null, []);
        var none = Metrics().Read();
        Assert.Equal((0, 0, null), (none.Gpus, none.FreeGpuMemoryKb, none.GpuPercent));

        _gpus = new GpuReading(GpuAvailability.NoDriver, "away", null, []);
        Assert.Equal((null, null), (Metrics().Read().Gpus, Metrics().Read().FreeGpuMemoryKb));

        _gpus = null;
        Assert.Null(Metrics().Read().Gpus);
    }

    [Fact]
    public void A_gpu_that_does_not_tell_a_figure_is_left_out_of_it()
    {
        _gpus = Gpus(Gpu(16, 4, 12, 30, 10), new GpuInfo { Index = 1, Fault = "lost" });
        var reading = Metrics().Read();
        Assert.Equal((2, 16 << 20, 30), (reading.Gpus, reading.TotalGpuMemoryKb, reading.GpuPercent));

        _gpus = Gpus(new GpuInfo { Index = 0 });
        Assert.Equal((1, null, null), (Metrics().Read().Gpus, Metrics().Read().TotalGpuMemoryKb, Metrics().Read().GpuPercent));
    }

    [Fact]
    public void Gpus_whose_figures_make_no_sense_cost_the_others_nothing_and_are_told_of_once()
    {
        _gpus = Gpus(
            new GpuInfo { Index = 0, TotalMemoryBytes = long.MaxValue }, new GpuInfo { Index = 1, TotalMemoryBytes = long.MaxValue });

        var metrics = Metrics();
        metrics.Read();
        var reading = metrics.Read();

        Assert.NotNull(reading.DiskTotalKb);
        Assert.Null(reading.TotalGpuMemoryKb);
        Assert.Equal(1, _logger.Warnings);
    }

    [Fact]
    public void This_machine_has_all_its_figures()
    {
        var reading = new MachineMetrics("/proc", "/", () => null, TimeProvider.System, _logger).Read();

        Assert.Equal(Environment.ProcessorCount, reading.LogicalCpus);
        Assert.InRange(reading.CpuPercent!.Value, 0, 100);
        Assert.InRange(reading.AvailableMemoryKb!.Value, 1, reading.TotalMemoryKb!.Value);
        Assert.All(
            new[] { reading.Load1, reading.Load5, reading.Load15, reading.UptimeSeconds, reading.DiskUsedPercent }, f => Assert.NotNull(f));
        Assert.Equal(0, _logger.Warnings);
    }

    public void Dispose() => _proc.Delete(recursive: true);

    private static string Stat(long idle, long user) =>
        $"cpu  {user} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 1 1 1\ncpu1 1 1 1 1\ncpu2 1 1 1 1\ncpu3 1 1 1 1\nintr 5\n";

    private static string[] Owned(string file) => file switch
    {
        "meminfo" => ["TotalMemoryKb", "FreeMemoryKb", "AvailableMemoryKb"],
        "stat" => ["LogicalCpus", "CpuPercent", "NanoCpusRemaining"],
        "loadavg" => ["Load1", "Load5", "Load15"],
        _ => ["UptimeSeconds"],
    };

    private static List<string> FiguresOf(MachineFigures reading) =>
        [.. typeof(MachineFigures).GetProperties().Where(p => p.GetValue(reading) is not null).Select(p => p.Name)];

    private static GpuReading Gpus(params GpuInfo[] gpus) => new(GpuAvailability.Available, null, "550", gpus);

    private static GpuInfo Gpu(long total, long used, long free, int busy, int memoryBusy) => new()
    {
        Index = 0,
        TotalMemoryBytes = total << 30,
        UsedMemoryBytes = used << 30,
        FreeMemoryBytes = free << 30,
        UtilisationPercent = busy,
        MemoryUtilisationPercent = memoryBusy,
    };

    private void Write(string file, string text) => File.WriteAllText(Path.Combine(_proc.FullName, file), text);

    private MachineMetrics Metrics(string? disk = null) => new(_proc.FullName, disk ?? "/", () => _gpus, _clock, _logger);

    private sealed class CountingLogger : ILogger<MachineMetrics>
    {
        public int Warnings { get; private set; }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Warnings++;
    }
}
