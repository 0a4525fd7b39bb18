using HostService.Infrastructure.Gpu;

namespace HostService.Infrastructure.Metrics;

/// <summary>Metrics from /proc, statvfs and the GPUs' last reading. Safe from any thread. The first CPU % is since boot.</summary>
/// <param name="procRoot">As <see cref="MetricsOptions.ProcRoot"/>.</param>
/// <param name="diskPath">A path on the file system whose space is reported; it need not exist yet.</param>
/// <param name="gpus">The last reading of the GPUs; null while there is none.</param>
internal sealed partial class MachineMetrics(
    string procRoot, string diskPath, Func<GpuReading?> gpus, TimeProvider timeProvider, ILogger<MachineMetrics> logger) : IMachineMetrics
{
    private readonly Lock _gate = new();
    private readonly HashSet<string> _unreadable = [];
    private CpuTimes _earlier = new(0, 0);
    private double? _busy;

    public MachineFigures Read()
    {
        lock (_gate)
        {
            var reading = new MachineFigures { At = timeProvider.GetUtcNow() };
            reading = From("meminfo", reading, WithMemory);
            reading = From("stat", reading, WithCpu);
            reading = From("loadavg", reading, (text, r) => r with
            {
                Load1 = ProcFiles.Number(text, 0),
                Load5 = ProcFiles.Number(text, 1),
                Load15 = ProcFiles.Number(text, 2),
            });
            reading = From("uptime", reading, (text, r) => r with { UptimeSeconds = ProcFiles.Number(text, 0) });
            reading = Try("the disk", reading, WithDisk);
            return Try("the GPUs' last reading", reading, r => WithGpus(r, gpus()));
        }
    }

    private static MachineFigures WithMemory(string meminfo, MachineFigures reading) => reading with
    {
        TotalMemoryKb = ProcFiles.MemoryKb(meminfo, "MemTotal"),
        FreeMemoryKb = ProcFiles.MemoryKb(meminfo, "MemFree"),
        AvailableMemoryKb = ProcFiles.MemoryKb(meminfo, "MemAvailable"),
    };

    private MachineFigures WithCpu(string stat, MachineFigures reading)
    {
        var cpus = ProcFiles.LogicalCpus(stat);
        if (ProcFiles.Cpu(stat) is not { } times)
        {
            return reading with { LogicalCpus = cpus };
        }

        // Within one tick the last share still holds.
        _busy = times.BusySince(_earlier) ?? _busy;
        _earlier = times;
        return reading with
        {
            LogicalCpus = cpus,
            CpuPercent = _busy * 100,

            // The idle share in Docker's nano-CPUs, 10^9 for each processor.
            NanoCpusRemaining = (1 - _busy) * cpus * 1e9 is { } remaining ? (long)Math.Round(remaining) : null,
        };
    }

    private MachineFigures WithDisk(MachineFigures reading)
    {
        var drive = new DriveInfo(NearestExisting(diskPath));
        var used = drive.TotalSize - drive.TotalFreeSpace;
        var free = drive.AvailableFreeSpace;
        return reading with
        {
            DiskTotalKb = drive.TotalSize / 1024,
            DiskUsedKb = used / 1024,

            // Both as df shows them: blocks reserved for root count neither as free nor as used.
            DiskFreeKb = free / 1024,
            DiskUsedPercent = used + free > 0 ? 100.0 * used / (used + free) : null,
        };
    }

    private static MachineFigures WithGpus(MachineFigures reading, GpuReading? gpus)
    {
        if (gpus is null || gpus.Availability == GpuAvailability.NoDriver)
        {
            return reading;
        }

        // A GPU without a figure is left out of its sum or average.
        return reading with
        {
            Gpus = gpus.Gpus.Count,
            TotalGpuMemoryKb = SumKb(g => g.TotalMemoryBytes),
            UsedGpuMemoryKb = SumKb(g => g.UsedMemoryBytes),
            FreeGpuMemoryKb = SumKb(g => g.FreeMemoryBytes),
            GpuPercent = gpus.Gpus.Average(g => g.UtilisationPercent),
            GpuMemoryPercent = gpus.Gpus.Average(g => g.MemoryUtilisationPercent),
        };

        long? SumKb(Func<GpuInfo, long?> figure) =>
            gpus.Gpus.Count > 0 && gpus.Gpus.All(g => figure(g) is null) ? null : gpus.Gpus.Sum(figure) / 1024;
    }

    private MachineFigures From(string file, MachineFigures reading, Func<string, MachineFigures, MachineFigures> read)
    {
        var path = Path.Combine(procRoot, file);
        return Try(path, reading, r => read(File.ReadAllText(path), r));
    }

    private MachineFigures Try(string source, MachineFigures reading, Func<MachineFigures, MachineFigures> read)
    {
        try
        {
            var result = read(reading);
            _unreadable.Remove(source);
            return result;
        }
        catch (Exception e)
        {
            // Whatever the reason, the other figures are reported (B33). Logged once, until it can be read again.
            if (_unreadable.Add(source))
            {
                LogUnreadable(e, source);
            }

            return reading;
        }
    }

    private static string NearestExisting(string path)
    {
        var directory = Path.GetFullPath(path);
        while (!Directory.Exists(directory) && Path.GetDirectoryName(directory) is { } parent)
        {
            directory = parent;
        }

        return directory;
    }

    [LoggerMessage(LogLevel.Warning, "Metrics are missing: {Source} cannot be read")]
    private partial void LogUnreadable(Exception exception, string source);
}
