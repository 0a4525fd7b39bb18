using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Linux.AppArmor;
using HostService.Infrastructure.Linux.Mounts;
using HostService.Silo.Hosting;
using Microsoft.Extensions.Options;

namespace HostService.Silo.Startup;

/// <summary>
/// What containers can be given on this machine (B13, B17). What is missing is left out with a warning in a local environment; in a deployed one the host says
/// that it is not ready, and no mandelbox comes up without devices.
/// </summary>
public sealed partial class HostCapabilities(
    RunningEnvironment running,
    IOptions<HostOptions> host,
    IAppArmor appArmor,
    IInputDevices inputDevices,
    ContainerCapabilitiesSource source,
    ILogger<HostCapabilities> logger)
{
    private bool _profileLoaded;

    /// <summary>B3: the profile that mandelboxes are confined by.</summary>
    public async Task LoadProfileAsync(CancellationToken cancellationToken)
    {
        if (!host.Value.ManageSystem)
        {
            LogLeftOut("AppArmor: Host:ManageSystem is false, so no profile is loaded");
            return;
        }

        if (appArmor.Unavailable is { } why && running.Value.IsLocal)
        {
            LogLeftOut($"AppArmor: {why}");
            return;
        }

        await appArmor.LoadAsync(cancellationToken);
        _profileLoaded = true;
    }

    /// <param name="engine">The engine that is to give it to them.</param>
    /// <param name="gpus">How many GPUs this host has.</param>
    /// <returns>Why no mandelbox can come up on this machine as it should; null when one can.</returns>
    public string? Find(EngineInfo engine, int gpus)
    {
        var lacking = new List<string>();
        if (inputDevices.Unavailable is { } noInput)
        {
            lacking.Add($"input devices: {noInput}");
        }

        var fuse = File.Exists("/dev/fuse");
        if (!fuse)
        {
            lacking.Add("/dev/fuse: the kernel has no FUSE");
        }

        if (gpus > 0 && !NvidiaRuntime.IsIn(engine))
        {
            lacking.Add("GPUs: the container engine has no runtime 'nvidia' (nvidia-ctk runtime configure --runtime=docker, then restart the engine)");
        }

        foreach (var what in lacking)
        {
            Missing(what);
        }

        var shared = MountPoints.IsShared(host.Value.Root);
        if (!shared)
        {
            Missing($"shared mounts: {host.Value.Root} does not lie on a shared mount, so what is mounted on one side of a mandelbox is not seen on the other (mount --make-rshared /)");
        }

        source.Current = new ContainerCapabilities
        {
            AppArmorProfile = _profileLoaded ? AppArmorProfile.Name : null,
            Fuse = fuse,
            UdevData = Directory.Exists("/run/udev/data"),
            SharedMounts = shared,
            Runtimes = engine.Runtimes,
            CloudStorageRoot = host.Value.CloudStorageRoot,
        };
        return running.Value.IsDeployed && lacking.Count > 0 ? $"mandelboxes cannot be given {string.Join(", ", lacking)}" : null;
    }

    /// <summary>
    /// Whether a reload of systemd can take the GPUs from mandelboxes that run: where systemd makes their cgroups it writes the list of allowed devices anew, and does
    /// not know of those that NVIDIA's runtime added. Warns of it.
    /// </summary>
    public bool ReloadsTakeGpus(EngineInfo engine, int gpus)
    {
        var take = gpus > 0 && engine.CgroupDriver == "systemd";
        if (take)
        {
            LogReloadsTakeGpus();
        }

        return take;
    }

    private void Missing(string what)
    {
        if (running.Value.IsDeployed)
        {
            LogMissing(what);
        }
        else
        {
            LogLeftOut(what);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "This machine lacks what every mandelbox needs: {What}")]
    private partial void LogMissing(string what);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "The container engine leaves cgroups to systemd: 'systemctl daemon-reload' can take the GPUs from mandelboxes that run. "
            + "Set \"exec-opts\": [\"native.cgroupdriver=cgroupfs\"] in /etc/docker/daemon.json and restart the engine")]
    private partial void LogReloadsTakeGpus();

    [LoggerMessage(Level = LogLevel.Warning, Message = "Mandelboxes do without {What}")]
    private partial void LogLeftOut(string what);
}
