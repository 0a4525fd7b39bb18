using HostService.GrainInterfaces;
using HostService.Infrastructure.Docker;

namespace HostService.Grains.Mandelbox;

/// <summary>What of the machine a container may be given: found at start-up, because what is missing is left out locally and is a failure on EC2.</summary>
public sealed record ContainerCapabilities
{
    /// <summary>The name of the AppArmor profile, where the kernel has AppArmor.</summary>
    public string? AppArmorProfile { get; init; }

    /// <summary>Whether <c>/dev/fuse</c> is there.</summary>
    public bool Fuse { get; init; }

    /// <summary>Whether <c>/run/udev/data</c> is there; the engine would make an empty one.</summary>
    public bool UdevData { get; init; }

    /// <summary>Whether mounts below the host's root reach into containers; otherwise the engine refuses <c>rshared</c>.</summary>
    public bool SharedMounts { get; init; }

    /// <summary>Names of the engine's container runtimes.</summary>
    public IReadOnlyList<string> Runtimes { get; init; } = [];

    /// <summary>Where users' drives are mounted; null where they are not.</summary>
    public string? CloudStorageRoot { get; init; }
}

/// <summary>What a mandelbox's container is created with (B17). Pure.</summary>
public static class ContainerSpecs
{
    /// <summary>Bytes.</summary>
    public const long Memory = 6552550944;

    /// <summary>Relative weight.</summary>
    public const long CpuShares = 2;

    /// <summary>Bytes of <c>/dev/shm</c>.</summary>
    public const long Shm = 2147483648;

    /// <summary>What NVIDIA's runtime brings of the driver into a container; nothing to any other runtime.</summary>
    public static IReadOnlyList<string> Driver { get; } = ["NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all"];

    private const string TmpfsSize = "size=52428800";

    private static readonly string[] Capabilities =
    [
        "SETPCAP", "MKNOD", "AUDIT_WRITE", "CHOWN", "NET_RAW", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "NET_BIND_SERVICE",
        "SYS_CHROOT", "SETFCAP", "SYS_NICE",
    ];

    public static ContainerSpec Build(MandelboxRun run, string host, HostEnvironment environment, ContainerCapabilities surroundings)
    {
        var request = run.RequiredRequest;
        var lease = run.RequiredLease;
        var paths = run.Paths;
        var shared = surroundings.SharedMounts ? ":rshared" : "";
        List<string> binds =
        [
            "/sys/fs/cgroup:/sys/fs/cgroup:ro",
            $"{paths.ResourceMappings}:/fractal/resourceMappings",
            $"{paths.Sockets}:/tmp/sockets",
            $"{paths.Logs(request.SessionId)}:/var/log/fractal",
            $"{paths.UserConfigs}:/fractal/userConfigs{shared}",
        ];
        if (surroundings.UdevData)
        {
            binds.Add("/run/udev/data:/run/udev/data:ro");
        }

        if (surroundings.CloudStorageRoot is { } cloudStorage)
        {
            // Root mounts drives below it by path: nobody inside may put a link there. A drive that is mounted later comes in as writable as it is outside.
            binds.Add($"{Path.Combine(cloudStorage, run.MandelboxId)}:/fractal/cloudStorage:ro{(surroundings.SharedMounts ? ",rslave" : "")}");
        }

        List<DeviceMapping> devices = [.. (run.InputDevices?.DeviceNodes ?? []).Select(node => new DeviceMapping(node, node, "rwm"))];
        if (surroundings.Fuse)
        {
            devices.Add(new DeviceMapping("/dev/fuse", "/dev/fuse", "rwm"));
        }

        return new ContainerSpec
        {
            Name = ContainerNames.Container(request.AppName, run.MandelboxId),
            Image = run.Image ?? throw new InvalidOperationException($"Mandelbox {run.MandelboxId} has no image yet."),
            Labels = ContainerLabels.Write(host, lease, request),
            Environment =
            [
                $"FRACTAL_AES_KEY={run.AesKey}",
                .. Driver,
                $"SENTRY_ENV={environment.Name}",
            ],
            Ports = lease.Ports,
            Binds = binds,
            Devices = devices,
            Tmpfs = new Dictionary<string, string> { ["/run"] = TmpfsSize, ["/run/lock"] = TmpfsSize },
            CapDrop = ["ALL"],
            CapAdd = Capabilities,
            SecurityOptions = surroundings.AppArmorProfile is { } profile ? [$"apparmor:{profile}"] : [],
            MemoryBytes = Memory,
            CpuShares = CpuShares,
            ShmBytes = Shm,
            Runtime = NvidiaRuntime.For(surroundings.Runtimes, lease.GpuIndex),
            Tty = true,
        };
    }
}
