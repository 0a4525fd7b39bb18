using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Linux.AppArmor;
using HostService.Infrastructure.Linux.Mounts;

namespace HostService.Silo.Startup;

/// <summary>What mandelboxes get on this machine (B13, B17). Local: a warning without it. Deployed: the host is not ready.</summary>
public sealed partial class HostCapabilities(
    RunningEnvironment running,
    IOptions<HostOptions> host,
    IAppArmor appArmor,
    IInputDevices inputDevices,
    ContainerCapabilitiesSource source,
    ILogger<HostCapabilities> logger)
{
    private bool _profileLoaded;

    /// <summary>Why no mandelbox can start on this machine; null when one can. Known once <see cref="Detect"/> has run.</summary>
    public string? NotReadyReason { get; private set; }

    /// <summary>
    /// Whether <c>systemctl daemon-reload</c> can take the GPUs from running mandelboxes: where systemd makes their cgroups it writes the
    /// list of allowed devices anew, without those that NVIDIA's runtime added. Known once <see cref="Detect"/> has run.
    /// </summary>
    public bool ReloadsTakeGpus { get; private set; }

    /// <summary>B3: the profile that confines mandelboxes.</summary>
    public async Task LoadProfileAsync(CancellationToken cancellationToken)
    {
        if (!host.Value.ManageSystem)
        {
            LogUnavailable(LogLevel.Warning, "AppArmor: Host:ManageSystem is false, so no profile is loaded");
            return;
        }

        if (appArmor.Unavailable is { } why && running.Value.IsLocal)
        {
            LogUnavailable(LogLevel.Warning, $"AppArmor: {why}");
            return;
        }

        await appArmor.LoadAsync(cancellationToken);
        _profileLoaded = true;
    }

    /// <param name="engine">The engine that makes the containers.</param>
    /// <param name="gpus">How many GPUs this host has.</param>
    public void Detect(EngineInfo engine, int gpus)
    {
        var level = running.Value.IsDeployed ? LogLevel.Error : LogLevel.Warning;
        var missing = new List<string>();
        if (inputDevices.Unavailable is { } noInput)
        {
            missing.Add($"input devices: {noInput}");
        }

        var fuse = File.Exists("/dev/fuse");
        if (!fuse)
        {
            missing.Add("/dev/fuse: the kernel has no FUSE");
        }

        if (gpus > 0 && !NvidiaRuntime.IsIn(engine))
        {
            missing.Add(
                "GPUs: the container engine has no runtime 'nvidia' "
                + "(nvidia-ctk runtime configure --runtime=docker, then restart the engine)");
        }

        var seccomp = SeccompProfile.IsSupportedBy(engine);
        if (!seccomp)
        {
            missing.Add("seccomp: the container engine cannot apply a profile");
        }

        var shared = MountPoints.IsShared(host.Value.Root);
        var sharedMounts =
            $"shared mounts: {host.Value.Root} is not on one, so drives mounted later cannot be seen inside (mount --make-rshared /)";
        foreach (var what in shared ? missing : [.. missing, sharedMounts])
        {
            LogUnavailable(level, what);
        }

        source.Current = new ContainerCapabilities
        {
            AppArmorProfile = _profileLoaded ? AppArmorProfile.Name : null,
            Seccomp = seccomp,
            Fuse = fuse,
            UdevData = Directory.Exists("/run/udev/data"),
            SharedMounts = shared,
            Runtimes = engine.Runtimes,
            CloudStorageRoot = host.Value.CloudStorageRoot,
        };
        NotReadyReason = running.Value.IsDeployed && missing.Count > 0 ? $"mandelboxes cannot be given {string.Join(", ", missing)}" : null;
        ReloadsTakeGpus = gpus > 0 && engine.CgroupDriver == "systemd";
        if (ReloadsTakeGpus)
        {
            LogReloadsTakeGpus();
        }
    }

    [LoggerMessage(
        LogLevel.Warning,
        "The container engine leaves cgroups to systemd: 'systemctl daemon-reload' can take the GPUs from running mandelboxes. "
            + "Set \"exec-opts\": [\"native.cgroupdriver=cgroupfs\"] in /etc/docker/daemon.json and restart the engine")]
    private partial void LogReloadsTakeGpus();

    [LoggerMessage(Message = "Unavailable to mandelboxes: {What}")]
    private partial void LogUnavailable(LogLevel level, string what);
}
