namespace HostService.Infrastructure.Docker;

/// <summary>The container runtime that brings NVIDIA's driver into a container.</summary>
public static class NvidiaRuntime
{
    public const string Name = "nvidia";

    /// <summary>
    /// Whether the engine can give a container GPUs: it has NVIDIA's runtime, or runs on one of its kinds (<c>nvidia-cdi</c>, say) whatever a container names.
    /// </summary>
    public static bool IsIn(EngineInfo engine) => engine.Runtimes.Contains(Name) || engine.DefaultRuntime.StartsWith(Name, StringComparison.Ordinal);

    /// <summary>
    /// The runtime for a mandelbox: NVIDIA's where the engine has it and the mandelbox is given a GPU, else null, the engine's own. The driver then comes
    /// in by <c>NVIDIA_VISIBLE_DEVICES</c> and <c>NVIDIA_DRIVER_CAPABILITIES</c> (B17).
    /// </summary>
    /// <param name="runtimes">As <see cref="EngineInfo.Runtimes"/>.</param>
    /// <param name="gpuIndex">NVML index, or below 0 for a CPU-only slot.</param>
    public static string? For(IReadOnlyList<string> runtimes, int gpuIndex) => gpuIndex >= 0 && runtimes.Contains(Name) ? Name : null;
}
