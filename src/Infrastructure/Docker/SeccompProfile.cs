namespace HostService.Infrastructure.Docker;

/// <summary>
/// <c>deploy/seccomp/mandelbox-seccomp-profile.json</c>, which is embedded here and sent with each container, so that the daemon's own
/// setting plays no part (B17).
/// </summary>
public static class SeccompProfile
{
    public static string Json { get; } = Read();

    public static bool IsSupportedBy(EngineInfo engine) => engine.SecurityOptions.Contains("seccomp", StringComparer.Ordinal);

    private static string Read()
    {
        using var reader = new StreamReader(
            typeof(SeccompProfile).Assembly.GetManifestResourceStream("mandelbox-seccomp-profile.json")!);
        return reader.ReadToEnd();
    }
}
