namespace HostService.Infrastructure.Docker;

/// <summary>Embedded from <c>deploy/seccomp</c> and sent with each container: the daemon's setting plays no part (B17).</summary>
public static class SeccompProfile
{
    public static string Json { get; } = EmbeddedFile.Read("mandelbox-seccomp-profile.json");

    /// <summary>As one of a container's security options. Put together once: it is long.</summary>
    public static string SecurityOption { get; } = $"seccomp={Json}";

    public static bool IsSupportedBy(EngineInfo engine) => engine.SecurityOptions.Contains("seccomp", StringComparer.Ordinal);
}
