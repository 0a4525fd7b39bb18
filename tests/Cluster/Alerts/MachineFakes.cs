using HostService.GrainInterfaces;
using HostService.Infrastructure.Gpu;
using HostService.Infrastructure.Linux.Network;
using HostService.Infrastructure.Metrics;

namespace HostService.Tests.Cluster.Alerts;

/// <summary>A machine with one GPU.</summary>
internal sealed class FakeGpus : IGpuInventory
{
    private static readonly GpuInfo Gpu = new()
    {
        Index = 0,
        Name = "Tesla T4",
        Uuid = "GPU-a",
        TotalMemoryBytes = 15L << 30,
        FreeMemoryBytes = 15L << 30,
    };

    /// <summary>What the driver reports of it.</summary>
    public IReadOnlyList<int> Xids { get; set; } = [];

    /// <summary>When set, the driver fails like this.</summary>
    public Exception? Failure { get; set; }

    public GpuReading Read() => Failure is null
        ? new GpuReading(GpuAvailability.Available, null, "550", [Gpu with { Xids = Xids }])
        : throw Failure;

    public void Dispose()
    {
        // Holds nothing.
    }
}

/// <summary>The figures of a machine that is well, until a test changes them.</summary>
internal sealed class FakeFigures(TimeProvider timeProvider) : IMachineMetrics
{
    /// <summary>What is wrong with the machine.</summary>
    public Func<MachineFigures, MachineFigures> Change { get; set; } = figures => figures;

    public MachineFigures Read() => Change(new MachineFigures
    {
        At = timeProvider.GetUtcNow(),
        TotalMemoryKb = 16_000_000,
        AvailableMemoryKb = 8_000_000,
        DiskTotalKb = 100_000_000,
        DiskFreeKb = 50_000_000,
        DiskUsedKb = 50_000_000,
        DiskUsedPercent = 50,
    });
}

/// <summary>A kernel that does not answer whether a port is free.</summary>
internal sealed class HangingPortProbe : IPortProbe, IDisposable
{
    private readonly ManualResetEventSlim _answers = new(initialState: true);

    public void Hang() => _answers.Reset();

    public void GoOn() => _answers.Set();

    public bool IsTcpFree(ushort port) => IsFree();

    public bool IsUdpFree(ushort port) => IsFree();

    public void Dispose() => _answers.Dispose();

    private bool IsFree()
    {
        _answers.Wait();
        return true;
    }
}
