namespace HostService.Infrastructure.Docker;

/// <summary>The container runtime that makes NVIDIA's driver available in a container.</summary>
public static class NvidiaRuntime
{
    public const string Name = "nvidia";

    /// <summary>Whether the engine has NVIDIA's runtime, or uses one of its variants (for example <c>nvidia-cdi</c>) by default.</summary>
    public static bool IsIn(EngineInfo engine) =>
        engine.Runtimes.Contains(Name) || engine.DefaultRuntime.StartsWith(Name, StringComparison.Ordinal);

    /// <summary>
    /// The runtime for a mandelbox: NVIDIA's where the engine has it and the mandelbox has a GPU, else null for the engine's default.
    /// <c>NVIDIA_VISIBLE_DEVICES</c> and <c>NVIDIA_DRIVER_CAPABILITIES</c> configure it (B17).
    /// </summary>
    /// <param name="runtimes">As <see cref="EngineInfo.Runtimes"/>.</param>
    /// <param name="gpuIndex">NVML index, or below 0 for a CPU-only slot.</param>
    public static string? For(IReadOnlyList<string> runtimes, int gpuIndex) => gpuIndex >= 0 && runtimes.Contains(Name) ? Name : null;
}
