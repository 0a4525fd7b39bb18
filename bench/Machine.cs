using System.Runtime.InteropServices;

namespace HostService.Bench;

/// <summary>What the figures depend on.</summary>
internal static class Machine
{
    public static Dictionary<string, string> Describe() => new()
    {
        ["measured at"] = DateTimeOffset.UtcNow.ToString("u"),
        ["processor"] = $"{Environment.ProcessorCount} of {Value("/proc/cpuinfo", "model name")}",
        ["memory"] = Value("/proc/meminfo", "MemTotal"),
        ["load before"] = string.Join(' ', File.ReadAllText("/proc/loadavg").Split(' ')[..3]),
        ["system"] = RuntimeInformation.OSDescription,
        ["temporary files"] = new DriveInfo(Path.GetTempPath()).DriveFormat,
        ["runtime"] = RuntimeInformation.FrameworkDescription,
        ["service"] = $"{ServiceUnderMeasure.Program} {Silo.Hosting.ServiceVersion.Commit}",
    };

    private static string Value(string file, string name) =>
        File.ReadLines(file).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?.Split(':')[^1].Trim() ?? "unknown";
}
