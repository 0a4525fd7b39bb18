using System.Diagnostics.CodeAnalysis;

namespace HostService.Grains.Host;

/// <summary>
/// Places mandelboxes on GPUs (B12): a limited number on each, the least used GPU first, the lowest index on a tie. An unhealthy GPU, or
/// one short of video memory, gets no new mandelbox; those on it stay counted until they are released. The pool counts GPUs by the host's
/// own index and gives out NVML's, which differs once a GPU has vanished. A host without a GPU has CPU-only slots instead
/// (<see cref="CpuOnly"/>). Not thread-safe.
/// </summary>
/// <param name="gpuIndexes">The GPUs known so far, healthy until <see cref="Update"/> says otherwise.</param>
/// <param name="perGpu">Mandelboxes per GPU, 1 or more.</param>
/// <param name="cpuOnlySlots">Mandelboxes on a host without a GPU; 0 where a GPU is required.</param>
/// <param name="minimumFreeMemoryKb">
/// Video memory that must be free before a mandelbox is placed; 0 for no check. A GPU that does not report its free memory passes.
/// </param>
public sealed class GpuPool(IEnumerable<int> gpuIndexes, int perGpu, int cpuOnlySlots, long minimumFreeMemoryKb = 0)
{
    public const int CpuOnly = -1;

    private readonly Dictionary<string, Placement> _gpuByOwner = new(StringComparer.Ordinal);
    private readonly SortedDictionary<int, Slot> _gpus = new(gpuIndexes.Distinct().ToDictionary(i => i, i => new Slot(Unknown(i))));
    private readonly int _perGpu = perGpu >= 1
        ? perGpu
        : throw new ArgumentOutOfRangeException(nameof(perGpu), perGpu, "A GPU takes at least one mandelbox.");

    private readonly int _cpuOnlySlots = cpuOnlySlots >= 0
        ? cpuOnlySlots
        : throw new ArgumentOutOfRangeException(nameof(cpuOnlySlots), cpuOnlySlots, "A number of slots is not negative.");

    private int _cpuOnlyUsed;

    /// <summary>The slots of healthy GPUs and the used ones of others: every free slot can be given, video memory permitting.</summary>
    public PoolFigures Figures
    {
        get
        {
            var capacity = _gpus.Count == 0 ? Math.Max(_cpuOnlySlots, _cpuOnlyUsed) : _cpuOnlyUsed;
            return new PoolFigures(capacity + _gpus.Values.Sum(g => g.Healthy ? Math.Max(_perGpu, g.Used) : g.Used), _gpuByOwner.Count);
        }
    }

    /// <summary>Why no GPU takes a mandelbox although the host has some; null while one is healthy, and on a host without any.</summary>
    public string? WhyNone => _gpus.Count > 0 && _gpus.Values.All(g => !g.Healthy)
        ? $"every GPU is out of service: {string.Join("; ", _gpus.Values.Select(g => $"GPU {g.Index}: {g.Gpu.Unhealthy}"))}"
        : null;

    /// <summary>Gives a slot to <paramref name="owner"/>, or the one that it already holds.</summary>
    /// <param name="gpuIndex">NVML's index of the GPU at that time, or <see cref="CpuOnly"/>.</param>
    /// <param name="refusal">Why no slot was given.</param>
    public bool TryPlace(string owner, out int gpuIndex, [NotNullWhen(false)] out string? refusal)
    {
        refusal = null;
        if (_gpuByOwner.TryGetValue(owner, out var held))
        {
            gpuIndex = held.NvmlIndex;
            return true;
        }

        gpuIndex = CpuOnly;
        if (_gpus.Count == 0 && _cpuOnlyUsed < _cpuOnlySlots)
        {
            Take(owner, new Placement(CpuOnly, CpuOnly));
        }
        else if (_gpus.Values.Where(CanTakeOneMore).MinBy(g => g.Used) is { } gpu)
        {
            // MinBy returns the first of equals, and the dictionary is sorted by index.
            gpuIndex = gpu.Gpu.NvmlIndex ?? gpu.Index;
            Take(owner, new Placement(gpu.Index, gpuIndex));
        }
        else
        {
            refusal = ExplainFull();
            return false;
        }

        return true;
    }

    /// <summary>Releases the slot of <paramref name="owner"/>; false when it holds none.</summary>
    public bool Release(string owner)
    {
        if (!_gpuByOwner.Remove(owner, out var held))
        {
            return false;
        }

        if (held.Index == CpuOnly)
        {
            _cpuOnlyUsed--;
        }
        else
        {
            _gpus[held.Index].Used--;
        }

        return true;
    }

    /// <summary>
    /// Enters the slot of a container that outlived the service; it counts even on an unhealthy, full or unknown GPU. False when the owner
    /// holds a slot on another GPU, or the index is below <see cref="CpuOnly"/>.
    /// </summary>
    public bool Restore(string owner, int gpuIndex)
    {
        if (_gpuByOwner.TryGetValue(owner, out var held))
        {
            return held.NvmlIndex == gpuIndex;
        }

        if (gpuIndex < CpuOnly)
        {
            return false;
        }

        if (gpuIndex != CpuOnly && !_gpus.ContainsKey(gpuIndex))
        {
            _gpus.Add(gpuIndex, new Slot(Unknown(gpuIndex) with { Unhealthy = "the driver has not reported it" }));
        }

        Take(owner, new Placement(gpuIndex, gpuIndex));
        return true;
    }

    /// <summary>
    /// Takes the current state of the GPUs. A new one is added; a missing one is unhealthy until it is listed again.
    /// <see cref="GpuDescription.Used"/> is ignored: the pool counts it.
    /// </summary>
    public void Update(IReadOnlyList<GpuDescription> gpus)
    {
        foreach (var gpu in gpus.Where(g => g.Index > CpuOnly))
        {
            if (_gpus.TryGetValue(gpu.Index, out var known))
            {
                known.Gpu = gpu;
            }
            else
            {
                _gpus.Add(gpu.Index, new Slot(gpu));
            }
        }

        foreach (var missing in _gpus.Values.Where(known => gpus.All(g => g.Index != known.Index) && known.Healthy))
        {
            missing.Gpu = missing.Gpu with { Unhealthy = "the driver no longer reports it", FreeMemoryKb = null };
        }
    }

    /// <summary>Whether mandelboxes are placed on this GPU; a slot without a GPU is always healthy.</summary>
    public bool IsHealthy(int gpuIndex) => gpuIndex == CpuOnly || (_gpus.TryGetValue(gpuIndex, out var slot) && slot.Healthy);

    /// <summary>Why no slot can be given, where none can.</summary>
    public string ExplainFull()
    {
        if (_gpus.Count == 0)
        {
            return _cpuOnlySlots == 0
                ? "this host has no GPU, and CPU-only slots exist in local environments only"
                : $"all {_cpuOnlySlots} CPU-only slots are in use";
        }

        if (_gpus.Values.All(g => !g.Healthy))
        {
            return $"no GPU is healthy: {List(_gpus.Values, g => g.Gpu.Unhealthy!)}";
        }

        var lacking = _gpus.Values.Where(g => g.Healthy && g.Used < _perGpu).ToList();
        if (lacking.Count > 0)
        {
            return $"no GPU with a free slot has {minimumFreeMemoryKb} KB of free video memory: "
                + List(lacking, g => $"{g.Gpu.FreeMemoryKb} KB free");
        }

        var unhealthy = _gpus.Values.Where(g => !g.Healthy).ToList();
        var also = unhealthy.Count == 0 ? "" : $"; unhealthy: {List(unhealthy, g => g.Gpu.Unhealthy!)}";
        return $"all GPU slots are in use ({_gpus.Count - unhealthy.Count} GPUs, {_perGpu} mandelboxes each){also}";
    }

    /// <summary>All GPUs by index, with the number of mandelboxes on each.</summary>
    public IReadOnlyList<GpuDescription> Describe() => [.. _gpus.Values.Select(g => g.Gpu with { Used = g.Used })];

    private static GpuDescription Unknown(int index) => new() { Index = index, Name = "unknown", Uuid = "unknown" };

    private void Take(string owner, Placement placement)
    {
        _gpuByOwner.Add(owner, placement);
        if (placement.Index == CpuOnly)
        {
            _cpuOnlyUsed++;
        }
        else
        {
            _gpus[placement.Index].Used++;
        }
    }

    private bool CanTakeOneMore(Slot gpu) => gpu.Healthy && gpu.Used < _perGpu && HasMemory(gpu);

    private bool HasMemory(Slot gpu) => gpu.Gpu.FreeMemoryKb is not { } free || free >= minimumFreeMemoryKb;

    private static string List(IEnumerable<Slot> gpus, Func<Slot, string> describe) =>
        string.Join(", ", gpus.Select(g => $"GPU {g.Index}: {describe(g)}"));

    /// <summary>The GPU that an owner is counted on, and the index that it was given.</summary>
    private sealed record Placement(int Index, int NvmlIndex);

    private sealed class Slot(GpuDescription gpu)
    {
        public int Index { get; } = gpu.Index;

        public GpuDescription Gpu { get; set; } = gpu;

        public int Used { get; set; }

        public bool Healthy => Gpu.Unhealthy is null;
    }
}
