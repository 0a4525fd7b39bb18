using Microsoft.Extensions.Options;

namespace HostService.Infrastructure;

/// <summary>Names every fault of section <c>Host</c> at once.</summary>
public sealed class HostOptionsValidator : IValidateOptions<HostOptions>
{
    private static readonly string[] Systems =
        ["/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/mnt", "/media", "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var"];

    public ValidateOptionsResult Validate(string? name, HostOptions options)
    {
        var faults = new List<string>();
        var roots = new (string Key, string Path)[]
        {
            ("Host:Root", options.Root), ("Host:PrivateRoot", options.PrivateRoot), ("Host:CloudStorageRoot", options.CloudStorageRoot),
        };
        foreach (var (key, path) in roots)
        {
            if (!Path.IsPathRooted(path) || path.Split('/').Contains("..") || path.Contains(':', StringComparison.Ordinal))
            {
                faults.Add($"{key} is '{path}'; it must be an absolute path without '..' or ':'.");
            }
            else if (Systems.Contains(Trim(path), StringComparer.Ordinal))
            {
                faults.Add($"{key} is '{path}', a directory of the system; name one of its own, for example /fractal.");
            }
        }

        foreach (var (key, path) in roots[..2].Where(r => (Trim(options.CloudStorageRoot) + "/").StartsWith(Trim(r.Path) + "/", StringComparison.Ordinal)))
        {
            faults.Add($"Host:CloudStorageRoot ('{options.CloudStorageRoot}') lies within {key} ('{path}'), which is removed at the end: users' files need a place of their own.");
        }

        if (options.OnLeftovers is not ("refuse" or "reclaim" or "reattach"))
        {
            faults.Add($"Host:OnLeftovers is '{options.OnLeftovers}'; it must be refuse, reclaim or reattach.");
        }

        if (options.CpuOnlySlots is < 0 or > 54)
        {
            faults.Add($"Host:CpuOnlySlots is {options.CpuOnlySlots}; it must be from 0 to 54, the number of TTYs.");
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static string Trim(string path) => path.Length > 1 ? path.TrimEnd('/') is { Length: > 0 } trimmed ? trimmed : "/" : path;
}
