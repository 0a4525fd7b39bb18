using HostService.Infrastructure.Docker;

namespace HostService.Grains.Mandelbox;

/// <summary>The specification of a mandelbox's container (B17).</summary>
public static class ContainerSpecs
{
    /// <summary>Bytes.</summary>
    public const long Memory = 6552550944;

    /// <summary>Relative weight.</summary>
    public const long CpuShares = 2;

    /// <summary>Bytes of <c>/dev/shm</c>.</summary>
    public const long Shm = 2147483648;

    /// <summary>Environment variables that select what NVIDIA's runtime brings into a container; other runtimes ignore them.</summary>
    public static IReadOnlyList<string> Driver { get; } = ["NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all"];

    private const string TmpfsSize = "size=52428800";

    private static readonly string[] Capabilities =
    [
        "SETPCAP", "MKNOD", "AUDIT_WRITE", "CHOWN", "NET_RAW", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
        "NET_BIND_SERVICE", "SYS_CHROOT", "SETFCAP", "SYS_NICE",
    ];

    public static ContainerSpec Build(
        MandelboxContext context, ContainerOwner owner, HostEnvironment environment, ContainerCapabilities capabilities)
    {
        var request = context.RequiredRequest;
        var lease = context.RequiredLease;
        var paths = context.Paths;
        var shared = capabilities.SharedMounts ? ":rshared" : "";
        List<string> binds =
        [
            "/sys/fs/cgroup:/sys/fs/cgroup:ro",
            $"{paths.ResourceMappings}:/fractal/resourceMappings",
            $"{paths.Sockets}:/tmp/sockets",
            $"{paths.Logs(request.SessionId)}:/var/log/fractal",
            $"{paths.UserConfigs}:/fractal/userConfigs{shared}",
        ];
        if (capabilities.UdevData)
        {
            binds.Add("/run/udev/data:/run/udev/data:ro");
        }

        if (capabilities.CloudStorageRoot is { } cloudStorage)
        {
            // Read-only: root mounts drives below it by path, and nobody inside may put a link there. The drives themselves stay writable.
            var drives = Path.Combine(cloudStorage, context.MandelboxId);
            binds.Add($"{drives}:/fractal/cloudStorage:ro{(capabilities.SharedMounts ? ",rslave" : "")}");
        }

        List<string> devices = [.. context.InputDevices?.DeviceNodes ?? []];
        if (capabilities.Fuse)
        {
            devices.Add("/dev/fuse");
        }

        return new ContainerSpec
        {
            Name = ContainerNames.Container(request.AppName, context.MandelboxId),
            Image = context.Image ?? throw new InvalidOperationException($"Mandelbox {context.MandelboxId} has no image."),
            Labels = ContainerLabels.Write(owner, lease, request),
            Environment =
            [
                $"FRACTAL_AES_KEY={context.AesKey}",
                .. Driver,
                $"SENTRY_ENV={environment.Name}",
            ],
            Ports = lease.Ports,
            NetworkOf = lease.Sandbox,
            Binds = binds,
            Devices = devices,
            Tmpfs = new Dictionary<string, string> { ["/run"] = TmpfsSize, ["/run/lock"] = TmpfsSize },
            CapDrop = ["ALL"],
            CapAdd = Capabilities,
            SecurityOptions =
            [
                .. capabilities.AppArmorProfile is { } profile ? [$"apparmor:{profile}"] : Array.Empty<string>(),
                .. capabilities.Seccomp ? [SeccompProfile.SecurityOption] : Array.Empty<string>(),
            ],
            MemoryBytes = Memory,
            CpuShares = CpuShares,
            ShmBytes = Shm,
            Runtime = NvidiaRuntime.For(capabilities.Runtimes, lease.GpuIndex),
            Tty = true,
        };
    }
}
