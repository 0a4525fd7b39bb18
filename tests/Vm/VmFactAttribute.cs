using HostService.Tests.Support;

namespace HostService.Tests.Vm;

/// <summary>A test in the VM; skipped, with the reason, where the VM cannot be made.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class VmFactAttribute : FactAttribute
{
    private static readonly Lazy<string?> Missing = new(FindMissing);

    public VmFactAttribute() => Skip = Missing.Value;

    private static string? FindMissing()
    {
        string[] programs = ["qemu-system-x86_64", "mmdebstrap", "mkfs.ext4", "ssh", "ssh-keygen"];
        var missing = programs.Where(p => Needs.Program(p) is null).ToList();
        if (missing.Count > 0)
        {
            return $"the VM needs {string.Join(", ", missing)}; \"make test-vm\" installs them on Debian and Ubuntu";
        }

        if (!Environment.IsPrivilegedProcess)
        {
            return "only root can make the VM's disk: run \"make test-vm\" as root";
        }

        return File.Exists(Repository.Binary) ? null : "there is no build/host-service: run \"make test-vm\", which builds it";
    }
}
