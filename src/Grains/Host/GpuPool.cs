using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using HostService.GrainInterfaces;

namespace HostService.Grains.Host;

/// <summary>
/// Which GPU a mandelbox is placed on (B12): at most so many on a GPU, the least used first, the lowest index on a tie. A GPU that is sick, or short of
/// video memory, gets nothing new; what is on it stays counted until it is released. GPUs are counted by the host's own index, and given by NVML's, which is
/// another one once a GPU has vanished. A host without a GPU has CPU-only slots instead
/// (<see cref="CpuOnly"/>). Decides only, and is used by one caller at a time.
/// </summary>
/// <param name="gpuIndexes">Indexes of the GPUs known so far, all taken for healthy until <see cref="Update"/> says otherwise; may be empty.</param>
/// <param name="perGpu">Mandelboxes on one GPU, 1 or more.</param>
/// <param name="cpuOnlySlots">Mandelboxes on a host that has no GPU; 0 where a GPU is a must.</param>
/// <param name="minimumFreeMemoryKb">Video memory that must be free before one more mandelbox is placed; 0 to not look. A GPU that does not say
/// how much it has free is not held back.</param>
public sealed class GpuPool(IEnumerable<int> gpuIndexes, int perGpu, int cpuOnlySlots, long minimumFreeMemoryKb = 0)
{
    /// <summary>The index of a CPU-only slot.</summary>
    public const int CpuOnly = -1;

    private readonly Dictionary<string, Placement> _gpuByOwner = new(StringComparer.Ordinal);
    private readonly SortedDictionary<int, Slot> _gpus = new(gpuIndexes.Distinct().ToDictionary(i => i, i => new Slot(Unknown(i))));
    private readonly int _perGpu = perGpu >= 1 ? perGpu : throw new ArgumentOutOfRangeException(nameof(perGpu), perGpu, "A GPU takes at least one mandelbox.");
    private readonly int _cpuOnlySlots = cpuOnlySlots >= 0 ? cpuOnlySlots : throw new ArgumentOutOfRangeException(nameof(cpuOnlySlots), cpuOnlySlots, "A number of slots is not negative.");
    private int _cpuOnlyUsed;

    /// <summary>
    /// Capacity is what can be used as things are: the slots of healthy GPUs, and of sick ones only those that are still held. Free is therefore what can still
    /// be placed (before looking at video memory).
    /// </summary>
    public PoolFigures Figures
    {
        get
        {
            var capacity = _gpus.Count == 0 ? Math.Max(_cpuOnlySlots, _cpuOnlyUsed) : _cpuOnlyUsed;
            return new PoolFigures(capacity + _gpus.Values.Sum(g => g.Healthy ? Math.Max(_perGpu, g.Used) : g.Used), _gpuByOwner.Count);
        }
    }

    /// <summary>Gives a slot to <paramref name="owner"/>; one that it holds already is given again.</summary>
    /// <param name="gpuIndex">What NVML called the GPU when it was given, or <see cref="CpuOnly"/>.</param>
    /// <param name="refusal">Why there is none.</param>
    public bool TryPlace(string owner, out int gpuIndex, [NotNullWhen(false)] out GpuRefusal? refusal)
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
            // MinBy keeps the first of equals, and the dictionary goes by index.
            gpuIndex = gpu.Gpu.NvmlIndex ?? gpu.Index;
            Take(owner, new Placement(gpu.Index, gpuIndex));
        }
        else
        {
            refusal = WhyNone();
            return false;
        }

        return true;
    }

    /// <summary>Gives the slot of <paramref name="owner"/> back. False when it holds none, which is harmless.</summary>
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
    /// Enters a slot that <paramref name="owner"/> was found to hold already (a container that outlived the service). It is counted even on a sick, full or
    /// unknown GPU: the container is there. False when the owner is entered with another GPU, or the index is below <see cref="CpuOnly"/>.
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
    /// Takes over what is known of the GPUs now. One that is new is added; one that is missing from the list is sick until it is back on it. The
    /// descriptions' <see cref="GpuDescription.Used"/> is not looked at: the pool knows better.
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

    /// <summary>All GPUs by index, with what is placed on each.</summary>
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

    private GpuRefusal WhyNone()
    {
        if (_gpus.Count == 0)
        {
            return _cpuOnlySlots == 0
                ? new GpuRefusal(GpuRefusalKind.NoGpu, "this host has no GPU, and CPU-only slots exist in local environments only")
                : new GpuRefusal(GpuRefusalKind.AllInUse, string.Create(CultureInfo.InvariantCulture, $"all {_cpuOnlySlots} CPU-only slots are in use"));
        }

        if (_gpus.Values.All(g => !g.Healthy))
        {
            return new GpuRefusal(GpuRefusalKind.NoneHealthy, $"no GPU is healthy: {List(_gpus.Values, g => g.Gpu.Unhealthy!)}");
        }

        var lacking = _gpus.Values.Where(g => g.Healthy && g.Used < _perGpu).ToList();
        if (lacking.Count > 0)
        {
            return new GpuRefusal(
                GpuRefusalKind.NotEnoughMemory,
                $"no GPU with a free slot has {minimumFreeMemoryKb} KB of free video memory: {List(lacking, g => $"{g.Gpu.FreeMemoryKb} KB free")}");
        }

        var sick = _gpus.Values.Where(g => !g.Healthy).ToList();
        var also = sick.Count == 0 ? "" : $"; taken out: {List(sick, g => g.Gpu.Unhealthy!)}";
        return new GpuRefusal(GpuRefusalKind.AllInUse, $"all GPU slots are in use ({_gpus.Count - sick.Count} GPUs, {_perGpu} mandelboxes each){also}");
    }

    private static string List(IEnumerable<Slot> gpus, Func<Slot, string> what) => string.Join(", ", gpus.Select(g => $"GPU {g.Index}: {what(g)}"));

    /// <summary>The GPU that an owner is counted on, and what the owner was told.</summary>
    private sealed record Placement(int Index, int NvmlIndex);

    private sealed class Slot(GpuDescription gpu)
    {
        public int Index { get; } = gpu.Index;

        public GpuDescription Gpu { get; set; } = gpu;

        public int Used { get; set; }

        public bool Healthy => Gpu.Unhealthy is null;
    }
}

/// <summary>Why no GPU slot was given.</summary>
public enum GpuRefusalKind
{
    /// <summary>Every slot is held; one comes free when a mandelbox ends.</summary>
    AllInUse,

    /// <summary>There are GPUs, all of them taken out.</summary>
    NoneHealthy,

    /// <summary>Slots are free, on GPUs that lack video memory.</summary>
    NotEnoughMemory,

    /// <summary>The host has no GPU and may not do without.</summary>
    NoGpu,
}

/// <summary>Why no GPU slot was given, for a program and for a reader.</summary>
public sealed record GpuRefusal(GpuRefusalKind Kind, string Reason)
{
    public override string ToString() => Reason;
}
