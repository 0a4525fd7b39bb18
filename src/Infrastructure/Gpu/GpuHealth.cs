using System.Collections.Frozen;
using HostService.GrainInterfaces;

namespace HostService.Infrastructure.Gpu;

/// <summary>
/// Decides from one reading after another which GPUs may be used. A GPU is taken out by a fatal XID, by vanishing, or by so many failed readings in a row;
/// it comes back once it has been well for a configured time. GPUs are known by their UUIDs, and keep the index under which they were first seen whatever NVML
/// calls them: it counts anew when one before them vanishes. Decides only, and is used by one caller at a time.
/// </summary>
public sealed class GpuHealth(GpuOptions options, TimeProvider timeProvider)
{
    private readonly SortedDictionary<int, TrackedGpu> _patients = [];
    private readonly FrozenSet<int> _fatal = (options.FatalXids ?? Xids.Fatal).ToFrozenSet();

    /// <summary>Takes a reading in, and tells how every GPU seen so far is now, by the index under which it was first seen.</summary>
    public IReadOnlyList<GpuDescription> Observe(GpuReading reading)
    {
        if (reading.Availability != GpuAvailability.Available)
        {
            return ReadingFailed(reading.Detail ?? reading.Availability.ToString());
        }

        var seen = new HashSet<int>();
        foreach (var gpu in reading.Gpus)
        {
            var patient = Find(gpu, reading);
            if (seen.Add(patient.Index))
            {
                Observe(patient, gpu);
            }
        }

        foreach (var missing in _patients.Values.Where(p => !seen.Contains(p.Index)))
        {
            missing.NvmlIndex = null;
            missing.Bad("it has vanished: the driver no longer lists it");
        }

        return Statuses();
    }

    /// <summary>No reading came about (the driver hangs, the library or driver has gone): a failed reading for every GPU.</summary>
    public IReadOnlyList<GpuDescription> ReadingFailed(string why)
    {
        foreach (var patient in _patients.Values)
        {
            Failed(patient, why);
        }

        return Statuses();
    }

    private void Observe(TrackedGpu patient, GpuInfo gpu)
    {
        patient.NvmlIndex = gpu.Index;
        patient.Last = gpu.Fault is null ? gpu : patient.Last with { FreeMemoryBytes = null, UtilisationPercent = null, Fault = gpu.Fault, Lost = gpu.Lost };
        var fatal = gpu.Xids.Where(_fatal.Contains).ToList();
        if (fatal.Count > 0)
        {
            patient.Bad($"it reported {string.Join(", ", fatal.Distinct().Select(Xids.Describe))}");
        }
        else if (gpu.Lost)
        {
            patient.Bad($"it has vanished: {gpu.Fault}");
        }
        else if (gpu.Fault is not null)
        {
            Failed(patient, gpu.Fault);
        }
        else
        {
            patient.Well(timeProvider, options.HealthyFor);
        }
    }

    private void Failed(TrackedGpu patient, string why)
    {
        patient.FailedInARow++;
        patient.WellSince = null;
        if (!patient.EverRead)
        {
            patient.TakenOut ??= $"it could not be read yet: {why}";
        }
        else if (patient.FailedInARow >= options.FailedReadings)
        {
            patient.TakenOut ??= $"{patient.FailedInARow} readings in a row failed, the last one with: {why}";
        }
    }

    /// <summary>By UUID; one that cannot say its UUID is taken for the one that was seen at its NVML index last, unless that one shows up elsewhere.</summary>
    private TrackedGpu Find(GpuInfo gpu, GpuReading reading)
    {
        var known = gpu.Uuid is null
            ? SeenAt(gpu.Index, p => !reading.Gpus.Any(g => g.Uuid is not null && g.Uuid == p.Last.Uuid))
            : _patients.Values.FirstOrDefault(p => p.Last.Uuid == gpu.Uuid) ?? SeenAt(gpu.Index, p => p.Last.Uuid is null);
        if (known is not null)
        {
            return known;
        }

        // A card in another's place is counted apart from it, and used once it has shown that it is well: whoever was placed on the other one may still be there.
        var inAnothersPlace = _patients.ContainsKey(gpu.Index);
        var index = inAnothersPlace ? _patients.Keys.Max() + 1 : gpu.Index;
        var added = new TrackedGpu(index, gpu with { Index = index })
        {
            TakenOut = inAnothersPlace ? $"it is new, in the place of GPU {gpu.Index}, and not used before it has been well for {options.HealthyFor}" : null,
        };
        _patients.Add(index, added);
        return added;
    }

    /// <summary>The GPU that NVML listed at an index last; else the one that was first seen there and is not listed now.</summary>
    private TrackedGpu? SeenAt(int nvmlIndex, Func<TrackedGpu, bool> mayBe) =>
        _patients.Values.FirstOrDefault(p => p.NvmlIndex == nvmlIndex && mayBe(p))
        ?? _patients.Values.FirstOrDefault(p => p.NvmlIndex is null && p.Index == nvmlIndex && mayBe(p));

    private List<GpuDescription> Statuses() => [.. _patients.Values.Select(p => new GpuDescription
    {
        Index = p.Index,
        Name = p.Last.Name ?? "unknown",
        Uuid = p.Last.Uuid ?? "unknown",
        TotalMemoryKb = p.Last.TotalMemoryBytes / 1024,
        FreeMemoryKb = p.Last.FreeMemoryBytes / 1024,
        UtilisationPercent = p.Last.UtilisationPercent,
        MemoryUtilisationPercent = p.Last.MemoryUtilisationPercent,
        EncoderSessions = p.Last.EncoderSessions,
        Unhealthy = p.TakenOut,
        NvmlIndex = p.NvmlIndex == p.Index ? null : p.NvmlIndex,
    })];

    private sealed class TrackedGpu(int index, GpuInfo first)
    {
        public int Index { get; } = index;

        /// <summary>What NVML calls it; null while it is not listed.</summary>
        public int? NvmlIndex { get; set; }

        public GpuInfo Last { get; set; } = first;

        public bool EverRead { get; private set; }

        public int FailedInARow { get; set; }

        public string? TakenOut { get; set; }

        public long? WellSince { get; set; }

        public void Bad(string why)
        {
            TakenOut = why;
            WellSince = null;
        }

        public void Well(TimeProvider timeProvider, TimeSpan healthyFor)
        {
            EverRead = true;
            FailedInARow = 0;
            WellSince ??= timeProvider.GetTimestamp();
            if (TakenOut is not null && timeProvider.GetElapsedTime(WellSince.Value) >= healthyFor)
            {
                TakenOut = null;
            }
        }
    }
}
