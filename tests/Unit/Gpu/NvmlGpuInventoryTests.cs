using HostService.Infrastructure.Gpu;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Gpu;

public sealed class NvmlGpuInventoryTests
{
    private const long MiB = 1024 * 1024;

    [Fact]
    public void A_machine_without_the_library_says_so_in_the_loaders_words()
    {
        using var inventory = new NvmlGpuInventory("libno-such-nvml.so.9", TimeSpan.FromMinutes(1), TimeProvider.System);

        var reading = inventory.Read();

        Assert.Equal(GpuAvailability.NoLibrary, reading.Availability);
        Assert.Contains("libno-such-nvml.so.9", reading.Detail, StringComparison.Ordinal);
        Assert.Empty(reading.Gpus);
    }

    [Fact]
    public void A_library_that_is_something_else_is_no_nvml()
    {
        using var inventory = new NvmlGpuInventory("libc.so.6", TimeSpan.FromMinutes(1), TimeProvider.System);

        var reading = inventory.Read();

        Assert.Equal(GpuAvailability.NoLibrary, reading.Availability);
        Assert.Contains("not NVML", reading.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_no_library_is_no_nvml()
    {
        using var inventory = new NvmlGpuInventory(
            typeof(NvmlGpuInventoryTests).Assembly.Location, TimeSpan.FromMinutes(1), TimeProvider.System);

        Assert.Equal(GpuAvailability.NoLibrary, inventory.Read().Availability);
    }

    [NeedsTheory(FakeNvmlLibrary.Compiler)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(16)]
    public void Every_gpu_is_read_with_all_its_figures(int gpus)
    {
        using var nvml = new FakeNvmlLibrary(gpus);
        using var inventory = nvml.Inventory();

        var reading = inventory.Read();

        Assert.Equal((GpuAvailability.Available, null, "550.54.15"), (reading.Availability, reading.Detail, reading.DriverVersion));
        Assert.Equal(gpus, reading.Gpus.Count);
        Assert.All(reading.Gpus, (gpu, i) =>
        {
            Assert.Equal(i, gpu.Index);
            Assert.Equal("Fake T4", gpu.Name);
            Assert.Equal($"GPU-0000-{i:00}", gpu.Uuid);
            Assert.Equal((16000 * MiB, 500 * MiB, 15000 * MiB), (gpu.TotalMemoryBytes, gpu.UsedMemoryBytes, gpu.FreeMemoryBytes));
            Assert.Equal((i, i + 1, i + 2), (gpu.UtilisationPercent, gpu.MemoryUtilisationPercent, gpu.EncoderSessions));
            Assert.Empty(gpu.Xids);
            Assert.Null(gpu.Fault);
        });
    }

    [NeedsTheory(FakeNvmlLibrary.Compiler)]
    [InlineData(9, GpuAvailability.NoDriver, "Driver Not Loaded (NVML error 9)")]
    [InlineData(18, GpuAvailability.NoDriver, "Driver/library version mismatch (NVML error 18)")]
    [InlineData(4, GpuAvailability.NoDriver, "Insufficient Permissions (NVML error 4)")]
    [InlineData(12, GpuAvailability.NoLibrary, "NVML Shared Library Not Found (NVML error 12)")]
    [InlineData(999, GpuAvailability.NoDriver, "Unknown Error (NVML error 999)")]
    [InlineData(777, GpuAvailability.NoDriver, "NVML error 777")]
    public void A_driver_that_does_not_answer_is_told_in_nvmls_words_and_read_once_it_does(
        int code, GpuAvailability availability, string words)
    {
        using var nvml = new FakeNvmlLibrary(1);
        using var inventory = nvml.Inventory();
        nvml.Answer("nvmlInit_v2", code);

        Assert.Equal(new GpuReading(availability, words, null, []), inventory.Read() with { Gpus = [] });

        nvml.Answer("nvmlInit_v2", 0);
        Assert.Single(inventory.Read().Gpus);
    }

    [NeedsTheory(FakeNvmlLibrary.Compiler)]
    [InlineData(1)]
    [InlineData(999)]
    public void A_driver_that_loses_its_count_is_closed_and_opened_anew(int code)
    {
        using var nvml = new FakeNvmlLibrary(2);
        using var inventory = nvml.Inventory();
        inventory.Read();
        nvml.Answer("nvmlDeviceGetCount_v2", code);

        Assert.Equal(GpuAvailability.NoDriver, inventory.Read().Availability);
        nvml.Answer("nvmlDeviceGetCount_v2", 0);

        Assert.Equal(2, inventory.Read().Gpus.Count);
        Assert.Equal((1, 1), (nvml.Open, nvml.EventSets));
    }

    // Each function's own failure, on one GPU of two: the other is read as ever.
    [NeedsTheory(FakeNvmlLibrary.Compiler)]
    [InlineData("nvmlDeviceGetHandleByIndex_v2", 15, "handle: GPU is lost (NVML error 15)", true)]
    [InlineData("nvmlDeviceGetHandleByIndex_v2", 4, "handle: Insufficient Permissions (NVML error 4)", false)]
    [InlineData("nvmlDeviceGetName", 999, "name: Unknown Error (NVML error 999)", false)]
    [InlineData("nvmlDeviceGetUUID", 16, "UUID: GPU requires reset (NVML error 16)", false)]
    [InlineData("nvmlDeviceGetMemoryInfo_v2", 15, "memory: GPU is lost (NVML error 15)", true)]
    [InlineData("nvmlDeviceGetUtilizationRates", 28, "utilisation: NVML error 28", true)]
    [InlineData("nvmlDeviceGetEncoderStats", 10, "encoder sessions: Timeout (NVML error 10)", false)]
    public void A_gpu_that_fails_is_listed_with_its_fault_and_costs_the_others_nothing(string function, int code, string fault, bool lost)
    {
        using var nvml = new FakeNvmlLibrary(2);
        using var inventory = nvml.Inventory();
        nvml.Answer(function, code, gpu: 0);

        var gpus = inventory.Read().Gpus;

        Assert.Equal((fault, lost), (gpus[0].Fault, gpus[0].Lost));
        Assert.Null(gpus[1].Fault);
        Assert.NotNull(gpus[1].EncoderSessions);
    }

    [NeedsTheory(FakeNvmlLibrary.Compiler)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(13)]
    [InlineData(21)]
    [InlineData(25)]
    [InlineData(26)]
    [InlineData(27)]
    public void A_figure_that_is_not_supported_is_null_and_no_fault(int code)
    {
        using var nvml = new FakeNvmlLibrary(1);
        using var inventory = nvml.Inventory();
        string[] figures =
        [
            "nvmlDeviceGetName", "nvmlDeviceGetUUID", "nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetMemoryInfo",
            "nvmlDeviceGetUtilizationRates",
            "nvmlDeviceGetEncoderStats", "nvmlDeviceRegisterEvents", "nvmlSystemGetDriverVersion",
        ];
        Array.ForEach(figures, f => nvml.Answer(f, code));

        var reading = inventory.Read();

        Assert.Null(reading.DriverVersion);
        Assert.Equivalent(new GpuInfo { Index = 0 }, Assert.Single(reading.Gpus), strict: true);
    }

    [NeedsFact(FakeNvmlLibrary.Compiler)]
    public void An_old_driver_gives_memory_by_the_old_call_and_lacks_what_it_lacks()
    {
        using var nvml = new FakeNvmlLibrary(1, oldDriver: true);
        using var inventory = nvml.Inventory();
        nvml.Xid(0, 79);
        inventory.Read();
        nvml.Xid(0, 48);

        var gpu = Assert.Single(inventory.Read().Gpus);

        Assert.Equal((16000 * MiB, 1000 * MiB, 15000 * MiB), (gpu.TotalMemoryBytes, gpu.UsedMemoryBytes, gpu.FreeMemoryBytes));
        Assert.Null(gpu.EncoderSessions);
        Assert.Equal([48], gpu.Xids);
        Assert.Null(gpu.Fault);
    }

    [NeedsFact(FakeNvmlLibrary.Compiler)]
    public void Xids_are_told_once_by_the_gpu_that_had_them()
    {
        using var nvml = new FakeNvmlLibrary(3);
        using var inventory = nvml.Inventory();
        inventory.Read();
        nvml.Xid(1, 79);
        nvml.Xid(2, 31);
        nvml.Xid(1, 45);
        nvml.Xid(0, 5, eventType: 0x10);

        Assert.Equal<IReadOnlyList<int>>([[], [79, 45], [31]], inventory.Read().Gpus.Select(g => g.Xids));
        Assert.All(inventory.Read().Gpus, g => Assert.Empty(g.Xids));
        Assert.Equal(3u, nvml.Calls("nvmlDeviceRegisterEvents"));
    }

    [NeedsTheory(FakeNvmlLibrary.Compiler)]
    [InlineData("nvmlEventSetCreate", 3)]
    [InlineData("nvmlDeviceRegisterEvents", 3)]
    [InlineData("nvmlEventSetWait_v2", 999)]
    public void A_driver_that_does_not_tell_xids_is_read_all_the_same(string function, int code)
    {
        using var nvml = new FakeNvmlLibrary(1);
        using var inventory = nvml.Inventory();
        nvml.Answer(function, code);
        nvml.Xid(0, 79);

        Assert.Null(Assert.Single(inventory.Read().Gpus).Fault);
        nvml.Xid(0, 79);
        Assert.Empty(inventory.Read().Gpus[0].Xids);
    }

    [NeedsFact(FakeNvmlLibrary.Compiler)]
    public void While_a_gpu_fails_the_driver_is_opened_anew_once_in_a_while_and_no_xid_is_lost()
    {
        var clock = new ManualClock();
        using var nvml = new FakeNvmlLibrary(2);
        using var inventory = nvml.Inventory(clock);
        nvml.Answer("nvmlDeviceGetMemoryInfo_v2", 15, gpu: 1);
        inventory.Read();
        clock.Advance(TimeSpan.FromSeconds(59));
        inventory.Read();
        Assert.Equal(1u, nvml.Calls("nvmlInit_v2"));

        clock.Advance(TimeSpan.FromSeconds(1));
        nvml.Xid(0, 62);

        Assert.Equal([62], inventory.Read().Gpus[0].Xids);
        Assert.Equal((2u, 1u), (nvml.Calls("nvmlInit_v2"), nvml.Calls("nvmlShutdown")));

        nvml.Answer("nvmlDeviceGetMemoryInfo_v2", 0, gpu: 1);
        clock.Advance(TimeSpan.FromSeconds(30));
        inventory.Read();
        clock.Advance(TimeSpan.FromHours(1));
        inventory.Read();
        Assert.Equal(2u, nvml.Calls("nvmlInit_v2"));
    }

    [NeedsFact(FakeNvmlLibrary.Compiler)]
    public void A_gpu_that_fell_off_mid_run_is_missing_from_the_next_reading()
    {
        using var nvml = new FakeNvmlLibrary(4);
        using var inventory = nvml.Inventory();
        inventory.Read();
        nvml.Remove(1);

        Assert.Equal(["GPU-0000-00", "GPU-0000-02", "GPU-0000-03"], inventory.Read().Gpus.Select(g => g.Uuid));
    }

    [NeedsFact(FakeNvmlLibrary.Compiler)]
    public void Closing_leaves_nothing_open_and_may_be_repeated()
    {
        using var nvml = new FakeNvmlLibrary(1);
        var inventory = nvml.Inventory();
        inventory.Read();
        Assert.Equal((1, 1), (nvml.Open, nvml.EventSets));

        inventory.Dispose();
        inventory.Dispose();

        Assert.Equal((0, 0), (nvml.Open, nvml.EventSets));
        Assert.Throws<ObjectDisposedException>(() => inventory.Read());
    }
}
