using System.Collections.Frozen;

namespace HostService.Machine.Gpu;

/// <summary>
/// Decides from one reading after another which GPUs may be used. A GPU is taken out by a fatal XID, by vanishing, or by so many failed readings in a row;
/// it comes back once it has been well for a configured time. Known by their UUIDs: a GPU whose NVML index moves (because one before it vanished) is
/// taken out too, since mandelboxes are told an index. Decides only, and is used by one caller at a time.
/// </summary>
public sealed class GpuHealth(GpuOptions options, TimeProvider clock)
{
    private readonly SortedDictionary<int, Patient> _patients = [];
    private readonly FrozenSet<int> _fatal = (options.FatalXids ?? Xids.Fatal).ToFrozenSet();

    /// <summary>Takes a reading in, and tells how every GPU seen so far is now, by the index under which it was first seen.</summary>
    public IReadOnlyList<GpuStatus> Observe(GpuReading reading)
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
            missing.Bad("it has vanished: the driver no longer lists it");
        }

        return Statuses();
    }

    /// <summary>No reading came about (the driver hangs, the library or driver has gone): a failed reading for every GPU.</summary>
    public IReadOnlyList<GpuStatus> ReadingFailed(string why)
    {
        foreach (var patient in _patients.Values)
        {
            Failed(patient, why);
        }

        return Statuses();
    }

    private void Observe(Patient patient, GpuInfo gpu)
    {
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
        else if (gpu.Index != patient.Index)
        {
            patient.Bad($"NVML now lists it as GPU {gpu.Index}, and it is known here as {patient.Index}; restart the service to use it under its new index");
        }
        else
        {
            patient.Well(clock, options.HealthyFor);
        }
    }

    private void Failed(Patient patient, string why)
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

    /// <summary>By UUID; one that cannot say its UUID is taken for the one that was seen at its index, unless that one shows up elsewhere.</summary>
    private Patient Find(GpuInfo gpu, GpuReading reading)
    {
        var known = gpu.Uuid is null
            ? _patients.Values.FirstOrDefault(p => p.Index == gpu.Index && !reading.Gpus.Any(g => g.Uuid is not null && g.Uuid == p.Last.Uuid))
            : _patients.Values.FirstOrDefault(p => p.Last.Uuid == gpu.Uuid) ?? _patients.Values.FirstOrDefault(p => p.Index == gpu.Index && p.Last.Uuid is null);
        if (known is not null)
        {
            return known;
        }

        // A new card in another's place gets an index that no mandelbox was ever told, and so is never used under it.
        var index = _patients.ContainsKey(gpu.Index) ? _patients.Keys.Max() + 1 : gpu.Index;
        var added = new Patient(index, gpu with { Index = index });
        _patients.Add(index, added);
        return added;
    }

    private List<GpuStatus> Statuses() => [.. _patients.Values.Select(p => new GpuStatus(p.Last with { Index = p.Index, Xids = [] }, p.TakenOut))];

    private sealed class Patient(int index, GpuInfo first)
    {
        public int Index { get; } = index;

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

        public void Well(TimeProvider clock, TimeSpan healthyFor)
        {
            EverRead = true;
            FailedInARow = 0;
            WellSince ??= clock.GetTimestamp();
            if (TakenOut is not null && clock.GetElapsedTime(WellSince.Value) >= healthyFor)
            {
                TakenOut = null;
            }
        }
    }
}

/// <summary>A GPU and whether it may be used.</summary>
/// <param name="Gpu">The figures of its last good reading, under the index by which the host knows it.</param>
/// <param name="Unhealthy">Null when it may be used; otherwise why it was taken out.</param>
public sealed record GpuStatus(GpuInfo Gpu, string? Unhealthy);
