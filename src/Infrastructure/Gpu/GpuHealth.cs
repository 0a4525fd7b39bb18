using System.Collections.Frozen;

namespace HostService.Infrastructure.Gpu;

/// <summary>
/// Decides after each reading which GPUs are healthy. A fatal XID, vanishing, or several failed readings in a row make a GPU unhealthy,
/// until it has had no fault for a configured time. GPUs are identified by UUID and keep the index under which they were first seen,
/// because NVML renumbers them when one vanishes. For one caller at a time.
/// </summary>
public sealed class GpuHealth(GpuOptions options, TimeProvider timeProvider)
{
    private readonly SortedDictionary<int, TrackedGpu> _gpus = [];
    private readonly FrozenSet<int> _fatal = (options.FatalXids ?? Xids.Fatal).ToFrozenSet();

    /// <returns>Every GPU seen so far, by its index.</returns>
    public IReadOnlyList<GpuDescription> Observe(GpuReading reading)
    {
        if (reading.Availability != GpuAvailability.Available)
        {
            return ReadingFailed(reading.Detail ?? reading.Availability.ToString());
        }

        var seen = new HashSet<int>();
        foreach (var gpu in reading.Gpus)
        {
            var tracked = Find(gpu, reading);
            if (seen.Add(tracked.Index))
            {
                Observe(tracked, gpu);
            }
        }

        foreach (var missing in _gpus.Values.Where(p => !seen.Contains(p.Index)))
        {
            missing.NvmlIndex = null;
            missing.MarkUnhealthy("it has vanished: the driver no longer lists it");
        }

        return Statuses();
    }

    /// <summary>The driver hangs, or the library or driver is gone: a failed reading for every GPU.</summary>
    public IReadOnlyList<GpuDescription> ReadingFailed(string reason)
    {
        foreach (var tracked in _gpus.Values)
        {
            Failed(tracked, reason);
        }

        return Statuses();
    }

    private void Observe(TrackedGpu tracked, GpuInfo gpu)
    {
        tracked.NvmlIndex = gpu.Index;
        tracked.Last = gpu.Fault is null
            ? gpu
            : tracked.Last with { FreeMemoryBytes = null, UtilisationPercent = null, Fault = gpu.Fault, Lost = gpu.Lost };
        var fatal = gpu.Xids.Where(_fatal.Contains).ToList();
        if (fatal.Count > 0)
        {
            tracked.MarkUnhealthy($"it reported {string.Join(", ", fatal.Distinct().Select(Xids.Describe))}");
        }
        else if (gpu.Lost)
        {
            tracked.MarkUnhealthy($"it has vanished: {gpu.Fault}");
        }
        else if (gpu.Fault is not null)
        {
            Failed(tracked, gpu.Fault);
        }
        else
        {
            tracked.MarkHealthy(timeProvider, options.HealthyFor);
        }
    }

    private void Failed(TrackedGpu tracked, string reason)
    {
        tracked.FailedInARow++;
        tracked.HealthySince = null;
        if (!tracked.EverRead)
        {
            tracked.Unhealthy ??= $"it could not be read yet: {reason}";
        }
        else if (tracked.FailedInARow >= options.FailedReadings)
        {
            tracked.Unhealthy ??= $"{tracked.FailedInARow} readings in a row failed, the last one with: {reason}";
        }
    }

    /// <summary>By UUID. A GPU without one is the GPU last seen at its NVML index, unless that is listed elsewhere.</summary>
    private TrackedGpu Find(GpuInfo gpu, GpuReading reading)
    {
        var known = gpu.Uuid is null
            ? SeenAt(gpu.Index, p => !reading.Gpus.Any(g => g.Uuid is not null && g.Uuid == p.Last.Uuid))
            : _gpus.Values.FirstOrDefault(p => p.Last.Uuid == gpu.Uuid) ?? SeenAt(gpu.Index, p => p.Last.Uuid is null);
        if (known is not null)
        {
            return known;
        }

        // A card in another's place gets a new index, because mandelboxes of the other one may still run, and must prove to be healthy
        // first.
        var inAnothersPlace = _gpus.ContainsKey(gpu.Index);
        var index = inAnothersPlace ? _gpus.Keys.Max() + 1 : gpu.Index;
        var added = new TrackedGpu(index, gpu with { Index = index })
        {
            Unhealthy = inAnothersPlace
                ? $"it is new, in the place of GPU {gpu.Index}, and is used after {options.HealthyFor} without a fault"
                : null,
        };
        _gpus.Add(index, added);
        return added;
    }

    /// <summary>The GPU that NVML listed last at an index; else the one first seen there that is not listed now.</summary>
    private TrackedGpu? SeenAt(int nvmlIndex, Func<TrackedGpu, bool> matches) =>
        _gpus.Values.FirstOrDefault(g => g.NvmlIndex == nvmlIndex && matches(g))
        ?? _gpus.Values.FirstOrDefault(g => g.NvmlIndex is null && g.Index == nvmlIndex && matches(g));

    private List<GpuDescription> Statuses() => [.. _gpus.Values.Select(p => new GpuDescription
    {
        Index = p.Index,
        Name = p.Last.Name ?? "unknown",
        Uuid = p.Last.Uuid ?? "unknown",
        TotalMemoryKb = p.Last.TotalMemoryBytes / 1024,
        FreeMemoryKb = p.Last.FreeMemoryBytes / 1024,
        UtilisationPercent = p.Last.UtilisationPercent,
        MemoryUtilisationPercent = p.Last.MemoryUtilisationPercent,
        EncoderSessions = p.Last.EncoderSessions,
        Unhealthy = p.Unhealthy,
        NvmlIndex = p.NvmlIndex == p.Index ? null : p.NvmlIndex,
    })];

    private sealed class TrackedGpu(int index, GpuInfo first)
    {
        public int Index { get; } = index;

        /// <summary>Null while NVML does not list it.</summary>
        public int? NvmlIndex { get; set; }

        public GpuInfo Last { get; set; } = first;

        public bool EverRead { get; private set; }

        public int FailedInARow { get; set; }

        public string? Unhealthy { get; set; }

        public long? HealthySince { get; set; }

        public void MarkUnhealthy(string reason)
        {
            Unhealthy = reason;
            HealthySince = null;
        }

        public void MarkHealthy(TimeProvider timeProvider, TimeSpan healthyFor)
        {
            EverRead = true;
            FailedInARow = 0;
            HealthySince ??= timeProvider.GetTimestamp();
            if (Unhealthy is not null && timeProvider.GetElapsedTime(HealthySince.Value) >= healthyFor)
            {
                Unhealthy = null;
            }
        }
    }
}
