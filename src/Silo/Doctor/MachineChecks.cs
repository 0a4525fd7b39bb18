using System.Globalization;
using HostService.Gateway.Authentication;
using HostService.Grains.Host;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Gpu;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Linux.AppArmor;
using HostService.Infrastructure.Linux.Firewall;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Silo.Reporting;

namespace HostService.Silo.Doctor;

/// <summary>
/// Whether this machine, and what it depends on, allow the service to work. Changes nothing. Needs no running service; with the settings
/// of one it checks what that one uses.
/// </summary>
public sealed class MachineChecks(
    RunningEnvironment running,
    IContainerEngine engine,
    IFirewall firewall,
    IAppArmor appArmor,
    IInputDevices inputDevices,
    IBackendDatabase database,
    IUserConfigStore userConfigs,
    IssuerProbe issuer,
    TelemetryCollector collector,
    DiskQuotas disk,
    HostDirectories directories,
    IOptions<HostOptions> host,
    IOptions<GpuOptions> gpu,
    IOptions<AuthOptions> auth,
    TimeProvider timeProvider)
{
    /// <summary>An engine that takes longer delays every spin-up.</summary>
    private static readonly TimeSpan EngineTimeout = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan OtherTimeout = TimeSpan.FromSeconds(5);

    /// <summary>A disk that is fuller than this is soon full.</summary>
    private const double FullDiskPercent = 80;

    private const string Off = "not used here";
    private const string GpuAdvice = "nvidia-smi says more; reset the GPU or reboot";
    private const string DiskAdvice = "docker image prune, look at what is large, or use a larger disk";
    private const string IssuerAdvice = "check Auth:Issuer, and the way to it";

    /// <summary>What a deployed host needs, and a developer's machine can do without.</summary>
    private CheckOutcome Needed => running.Value.IsDeployed ? CheckOutcome.Failed : CheckOutcome.Warning;

    /// <summary>All at once.</summary>
    public async Task<IReadOnlyList<DoctorCheck>> RunAsync(CancellationToken cancellationToken)
    {
        (string Name, TimeSpan Timeout, Func<CancellationToken, Task<Found>> Check, string Advice)[] checks =
        [
            ("engine", EngineTimeout, CheckEngineAsync, "systemctl status docker; Docker:Endpoint names another one"),
            ("firewall", OtherTimeout, CheckFirewallAsync, "run firewall.sh check as root"),
            ("apparmor", OtherTimeout, _ => Done(CheckAppArmor), "install apparmor"),
            ("uinput", OtherTimeout, _ => Done(CheckInput), "modprobe uinput"),
            ("gpu", gpu.Value.ReadingTimeout, _ => Done(CheckGpus), GpuAdvice),
            ("disk", OtherTimeout, _ => Done(CheckDisk), DiskAdvice),
            ("directories", OtherTimeout, _ => Done(CheckDirectories), "look at Host:Root as root"),
            ("clock", OtherTimeout, CheckClockAsync, "see database and issuer, whose clocks are needed"),
            ("database", OtherTimeout, CheckDatabaseAsync, "check DATABASE_URL, and the way to the database"),
            ("issuer", OtherTimeout, CheckIssuerAsync, IssuerAdvice),
            ("telemetry", OtherTimeout, CheckTelemetryAsync, "check Telemetry:OtlpEndpoint, and the way to the collector"),
            ("s3", OtherTimeout, CheckUserConfigsAsync, "check section UserConfigs, and the instance profile"),
        ];
        return await Task.WhenAll(checks.Select(c => RunAsync(c.Name, c.Timeout, c.Check, c.Advice, cancellationToken)));
    }

    /// <summary>A check that throws, or takes too long, has failed.</summary>
    private async Task<DoctorCheck> RunAsync(
        string name, TimeSpan timeout, Func<CancellationToken, Task<Found>> check, string advice, CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(timeout, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        try
        {
            // Some ignore their token: a driver that hangs must not take the other results with it.
            var found = await Task.Run(() => check(either.Token), either.Token).WaitAsync(either.Token);
            return new DoctorCheck(name, found.Outcome, found.Detail, found.Advice);
        }
        catch (Exception) when (late.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return new DoctorCheck(name, CheckOutcome.Failed, $"no answer within {timeout.TotalSeconds:0.#} s", advice);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            return new DoctorCheck(name, CheckOutcome.Failed, exception.Message, advice);
        }
    }

    private static Task<Found> Done(Func<Found> check) => Task.FromResult(check());

    private async Task<Found> CheckEngineAsync(CancellationToken cancellationToken)
    {
        var began = timeProvider.GetTimestamp();
        var containers = await engine.ListAsync(ContainerLabels.OfAnyHost, cancellationToken);
        return new Found(CheckOutcome.Ok, $"answers in {Milliseconds(began)}, has {containers.Count} containers of mandelboxes");
    }

    private async Task<Found> CheckFirewallAsync(CancellationToken cancellationToken)
    {
        if (!host.Value.ManageSystem)
        {
            return new Found(CheckOutcome.Ok, "not managed here (Host:ManageSystem is false)");
        }

        var missing = await firewall.FindMissingAsync(cancellationToken);
        var ours = missing.Where(rule => !rule.StartsWith(IFirewall.EngineRule, StringComparison.Ordinal)).ToList();
        if (ours.Count > 0)
        {
            return new Found(
                Needed, $"mandelboxes may reach the host's loopback and credentials; missing: {string.Join("; ", ours)}",
                "run firewall.sh start; the running service does so every Firewall:CheckInterval");
        }

        return missing.Count == 0
            ? new Found(CheckOutcome.Ok, "all rules are loaded")
            : new Found(
                CheckOutcome.Warning, "the engine's rule for published ports is missing: clients may not reach mandelboxes",
                "restart the engine once no mandelbox runs, unless it is set to leave iptables alone");
    }

    private Found CheckAppArmor()
    {
        if (appArmor.Unavailable is { } why)
        {
            return new Found(Needed, why, "mandelboxes are not confined without it");
        }

        return appArmor.IsLoaded switch
        {
            true => new Found(CheckOutcome.Ok, $"{AppArmorProfile.Name} is loaded"),
            false => new Found(Needed, $"{AppArmorProfile.Name} is not loaded", "restart the service: it loads the profile"),
            null => new Found(CheckOutcome.Warning, "the loaded profiles cannot be read", "ask as root"),
        };
    }

    private Found CheckInput() => inputDevices.Unavailable is { } why
        ? new Found(Needed, why, "mandelboxes get no keyboard and pointer without it")
        : new Found(CheckOutcome.Ok, "input devices can be made");

    private Found CheckGpus()
    {
        using var inventory = new NvmlGpuInventory(gpu.Value.NvmlLibrary, gpu.Value.ReopenAfter, timeProvider);
        var reading = inventory.Read();
        var faults = reading.Gpus.Where(g => g.Fault is not null).Select(g => $"GPU {g.Index}: {g.Fault}").ToList();
        return reading switch
        {
            { Availability: GpuAvailability.NoLibrary } => WithoutGpu("NVML is not installed"),
            { Availability: GpuAvailability.NoDriver } => WithoutGpu($"NVIDIA's driver does not answer: {reading.Detail}"),
            { Gpus.Count: 0 } => WithoutGpu("this machine has none"),
            _ when faults.Count > 0 => new Found(CheckOutcome.Failed, string.Join("; ", faults), GpuAdvice),
            _ => new Found(CheckOutcome.Ok, $"{reading.Gpus.Count}, driver {reading.DriverVersion ?? "unknown"}"),
        };

        // Where CPU-only slots are allowed, that is how it should be.
        Found WithoutGpu(string detail) => running.Value.IsDeployed
            ? new Found(CheckOutcome.Failed, detail, "install NVIDIA's driver, or use an instance with a GPU")
            : new Found(CheckOutcome.Ok, $"no GPU is used: {detail}");
    }

    private Found CheckDisk()
    {
        var root = host.Value.Root;
        if (disk.WhyNoRoom() is { } why)
        {
            return new Found(CheckOutcome.Failed, why, DiskAdvice);
        }

        var at = Path.GetFullPath(root);
        while (!Directory.Exists(at))
        {
            at = Path.GetDirectoryName(at)!;
        }

        var drive = new DriveInfo(at);
        var used = 100.0 * (drive.TotalSize - drive.AvailableFreeSpace) / drive.TotalSize;
        var freeGib = drive.AvailableFreeSpace / (double)(1 << 30);
        var detail = string.Create(CultureInfo.InvariantCulture, $"{used:0} % used, {freeGib:0.0} GiB free on the disk of {root}");
        return used < FullDiskPercent
            ? new Found(CheckOutcome.Ok, detail)
            : new Found(CheckOutcome.Warning, detail, DiskAdvice);
    }

    private Found CheckDirectories()
    {
        if (directories.Leftover is not { } root)
        {
            return new Found(CheckOutcome.Ok, $"{host.Value.Root} is in order");
        }

        try
        {
            directories.ThrowIfNotReclaimable();
            return new Found(
                CheckOutcome.Failed,
                $"{root} was left by a run that did not end cleanly",
                "host-service reclaim --dry-run shows what is left");
        }
        catch (IOException exception)
        {
            return new Found(CheckOutcome.Failed, exception.Message);
        }
    }

    /// <summary>Tokens that are not valid yet, or no longer, are refused: a wrong clock locks users out.</summary>
    private async Task<Found> CheckClockAsync(CancellationToken cancellationToken)
    {
        var before = timeProvider.GetUtcNow();
        var (other, clock) = ("the database's", await database.ReadClockAsync(cancellationToken));
        if (clock is null && issuer.IsUsed)
        {
            (other, clock) = ("the issuer's", (await issuer.AskAsync(cancellationToken)).Clock);
        }

        if (clock is not { } time)
        {
            return new Found(CheckOutcome.Ok, "there is no other clock to compare with");
        }

        // The other clock was read at some moment of the call.
        var after = timeProvider.GetUtcNow();
        var ahead = time < before ? before - time : time > after ? after - time : TimeSpan.Zero;
        var seconds = Math.Abs(ahead.TotalSeconds);
        var detail = string.Create(
            CultureInfo.InvariantCulture, $"{seconds:0.0} s {(ahead < TimeSpan.Zero ? "behind" : "ahead of")} {other}");
        return ahead.Duration() <= auth.Value.ClockSkew
            ? new Found(CheckOutcome.Ok, detail)
            : new Found(Needed, detail, "timedatectl shows whether the clock is set by NTP");
    }

    private async Task<Found> CheckDatabaseAsync(CancellationToken cancellationToken)
    {
        if (!running.Value.HasDatabase)
        {
            return new Found(CheckOutcome.Ok, Off);
        }

        var began = timeProvider.GetTimestamp();
        await database.ReadClockAsync(cancellationToken);
        return new Found(CheckOutcome.Ok, $"answers in {Milliseconds(began)}");
    }

    private async Task<Found> CheckIssuerAsync(CancellationToken cancellationToken)
    {
        if (!issuer.IsUsed)
        {
            return new Found(CheckOutcome.Ok, Off);
        }

        var (keys, _) = await issuer.AskAsync(cancellationToken);
        return keys > 0
            ? new Found(CheckOutcome.Ok, $"{keys} keys at {issuer.Url}")
            : new Found(CheckOutcome.Failed, $"no keys at {issuer.Url}", IssuerAdvice);
    }

    private async Task<Found> CheckTelemetryAsync(CancellationToken cancellationToken)
    {
        if (collector.Endpoint is not { } endpoint)
        {
            return new Found(CheckOutcome.Ok, Off);
        }

        await collector.TestAsync(cancellationToken);
        return new Found(CheckOutcome.Ok, $"{endpoint} takes what is sent");
    }

    private async Task<Found> CheckUserConfigsAsync(CancellationToken cancellationToken) =>
        new(CheckOutcome.Ok, await userConfigs.TestAsync(cancellationToken));

    private string Milliseconds(long began) =>
        string.Create(CultureInfo.InvariantCulture, $"{timeProvider.GetElapsedTime(began).TotalMilliseconds:0} ms");

    private sealed record Found(CheckOutcome Outcome, string Detail, string? Advice = null);
}
