using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using HostService.Infrastructure.Gpu;
using HostService.Silo.Cli;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Gpu;

public sealed class GpuReportTests
{
    private static readonly GpuInfo Whole = new()
    {
        Index = 0,
        Name = "Tesla T4",
        Uuid = "GPU-8f6d",
        TotalMemoryBytes = 15360L << 20,
        UsedMemoryBytes = (2L << 20) + 4095,
        FreeMemoryBytes = 14923L << 20,
        UtilisationPercent = 7,
        MemoryUtilisationPercent = 3,
        EncoderSessions = 2,
    };

    [Fact]
    public void Json_names_and_rounds_figures_as_nvidia_smi_does()
    {
        var json = JsonDocument.Parse(GpuReport.From(Reading(Whole, new GpuInfo { Index = 1, Fault = "handle: GPU is lost" })).ToJson())
            .RootElement;

        Assert.Equal(
            ("available", "550.54.15"), (json.GetProperty("availability").GetString(), json.GetProperty("driver_version").GetString()));
        var gpu = json.GetProperty("gpus")[0];
        Assert.Equal(("Tesla T4", "GPU-8f6d"), (gpu.GetProperty("name").GetString(), gpu.GetProperty("uuid").GetString()));
        string[] figures =
            ["index", "memory.total", "memory.used", "memory.free", "utilization.gpu", "utilization.memory", "encoder.stats.sessionCount"];
        Assert.Equal([0, 15360, 2, 14923, 7, 3, 2], figures.Select(f => gpu.GetProperty(f).GetInt64()));
        Assert.Equal(JsonValueKind.Null, gpu.GetProperty("fault").ValueKind);

        var lost = json.GetProperty("gpus")[1];
        Assert.Equal(JsonValueKind.Null, lost.GetProperty("memory.total").ValueKind);
        Assert.Equal("handle: GPU is lost", lost.GetProperty("fault").GetString());
    }

    [Fact]
    public void The_table_has_a_line_for_every_gpu_and_a_dash_for_what_is_not_supported()
    {
        var report = GpuReport.From(Reading(Whole, new GpuInfo { Index = 1, Name = "Other" }));

        Assert.Equal("driver 550.54.15", report.Summary);
        Assert.Equal(
        [
            "GPU  NAME      UUID      MEMORY MiB  USED  FREE   GPU %  MEMORY %  ENCODERS  FAULT",
            "0    Tesla T4  GPU-8f6d  15360       2     14923  7      3         2         -",
            "1    Other     -         -           -     -      -      -         -         -",
        ], GpusCommand.Table(report).Lines(100, isColoured: false));
    }

    [Theory]
    [InlineData(GpuAvailability.NoLibrary, "NVML is not installed: why")]
    [InlineData(GpuAvailability.NoDriver, "NVIDIA's driver does not answer: why")]
    [InlineData(GpuAvailability.Available, "NVIDIA's driver 550 works; this machine has no GPU")]
    public void A_machine_with_nothing_to_list_says_what_it_lacks(GpuAvailability availability, string text)
    {
        Assert.Equal(text, GpuReport.From(new GpuReading(availability, "why", "550", [])).Summary);
    }

    // Figures that stand still must be equal; those that move may differ by what can happen between two readings.
    [NvidiaFact]
    public void On_a_real_gpu_every_figure_is_that_of_nvidia_smi()
    {
        string[] fields =
        [
            "index", "name", "uuid", "memory.total", "memory.used", "memory.free", "utilization.gpu", "utilization.memory",
            "encoder.stats.sessionCount",
            "driver_version",
        ];
        var smi = new ProcessStartInfo(
            Needs.Program("nvidia-smi")!, [$"--query-gpu={string.Join(',', fields)}", "--format=csv,noheader,nounits"])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        using var process = Process.Start(smi)!;
        var rows = process.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split(", "))
            .ToList();
        using var inventory = new NvmlGpuInventory(new GpuOptions().NvmlLibrary, TimeSpan.FromMinutes(1), TimeProvider.System);
        var report = GpuReport.From(inventory.Read());

        Assert.Equal(rows.Count, report.Gpus.Count);
        Assert.All(report.Gpus.Zip(rows), pair =>
        {
            var (gpu, row) = pair;
            Assert.Equal((row[0], row[1], row[2], row[3], row[9]), (
                Text(gpu.Index), gpu.Name, gpu.Uuid, Text(gpu.MemoryTotalMiB), report.DriverVersion));
            Near(row[4], gpu.MemoryUsedMiB, 64);
            Near(row[5], gpu.MemoryFreeMiB, 64);
            Near(row[6], gpu.UtilizationGpu, 20);
            Near(row[7], gpu.UtilizationMemory, 20);
            Near(row[8], gpu.EncoderSessions, 0);
        });

        static string? Text(long? figure) => figure?.ToString(CultureInfo.InvariantCulture);

        static void Near(string theirs, long? ours, int within)
        {
            // nvidia-smi writes [N/A] or [Not Supported] for what we call null.
            Assert.Equal(theirs.StartsWith('['), ours is null);
            if (ours is { } figure)
            {
                Assert.InRange(figure, long.Parse(theirs, CultureInfo.InvariantCulture) - within, long.Parse(theirs, CultureInfo.InvariantCulture) + within);
            }
        }
    }

    private static GpuReading Reading(params GpuInfo[] gpus) => new(GpuAvailability.Available, null, "550.54.15", gpus);

    /// <summary>Where there is an NVIDIA GPU, there is its program too; nothing can be installed in its place.</summary>
    private sealed class NvidiaFactAttribute : FactAttribute
    {
        public NvidiaFactAttribute() =>
            Skip = Needs.Program("nvidia-smi") is null ? "this machine has no NVIDIA GPU: nvidia-smi is not there" : null;
    }
}
