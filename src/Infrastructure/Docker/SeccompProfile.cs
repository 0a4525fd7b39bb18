namespace HostService.Infrastructure.Docker;

/// <summary>
/// <c>deploy/seccomp/mandelbox-seccomp-profile.json</c>, which is embedded here and sent with each container, so that the daemon's own
/// setting plays no part (B17).
/// </summary>
public static class SeccompProfile
{
    public static string Json { get; } = EmbeddedFile.Read("mandelbox-seccomp-profile.json");

    public static bool IsSupportedBy(EngineInfo engine) => engine.SecurityOptions.Contains("seccomp", StringComparer.Ordinal);
}
