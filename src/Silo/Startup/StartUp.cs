using HostService.GrainInterfaces;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Gpu;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Background;
using HostService.Silo.Hosting;
using HostService.Silo.Shutdown;
using Microsoft.Extensions.Options;

namespace HostService.Silo.Startup;

/// <summary>
/// Everything before the silo starts, in the order of B3. What fails here refuses the start, with the reason and what to do, before a certificate is made,
/// a port opened or a grain called.
/// </summary>
public sealed partial class StartUp(
    RunningEnvironment running,
    StartedParts started,
    IOptions<HostOptions> host,
    IBackendDatabase database,
    HostDirectories directories,
    Leftovers leftovers,
    HostIdentityProvider identification,
    HostCapabilities surroundings,
    FirewallMonitor firewall,
    Engine engine,
    GpuMonitor gpuMonitor,
    WarmUp warmUp,
    StatusLine statusLine,
    ILogger<StartUp> logger)
{
    /// <summary>Prepares the machine; <see cref="GoLive"/> goes on from there.</summary>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        LogVersion(ServiceVersion.Line, running.Value.Name);
        RequireRoot();
        leftovers.Check();

        await Step("test the database", () => database.TestAsync(cancellationToken));
        var identity = await Step("find this host's identity", () => identification.FindAsync(cancellationToken));
        await Step("take back what the last run left", () => leftovers.ReclaimAsync(identity, cancellationToken));
        await Step("load the firewall", () => firewall.LoadAsync(cancellationToken));
        await Step("load the AppArmor profile", () => surroundings.LoadProfileAsync(cancellationToken));
        await Step("make directories", () => Task.Run(directories.Make, cancellationToken));
        await Step("start the container engine", () => engine.StartAsync(cancellationToken));
        var engineInfo = await Step("reach the container engine", () => engine.ReachAsync(cancellationToken));
        await Step("clear what the last run left in the engine", () => leftovers.ClearEngineAsync(identity, cancellationToken));
        var stock = await Step("take stock of GPUs", () => gpuMonitor.TakeInventoryAsync(cancellationToken));
        identification.Publish(identity, stock);
        started.Facts = true;
        started.Lacking = surroundings.Find(engineInfo, stock.Gpus.Count);
        started.ReloadsTakeGpus = surroundings.ReloadsTakeGpus(engineInfo, stock.Gpus.Count) && host.Value.ManageSystem;
        if (running.Value.IsDeployed)
        {
            await Step("warm up the engine", () => warmUp.RunAsync(cancellationToken));
        }
    }

    private void RequireRoot()
    {
        if (host.Value.ManageSystem && !Environment.IsPrivilegedProcess)
        {
            throw new StartRefusedException(
                ExitCodes.Refused,
                "The host service manages the machine and must run as root. Start it as root, or without that part: Host__ManageSystem=false (and Host__Root, "
                + "Host__PrivateRoot and Host__CloudStorageRoot at places of your own).");
        }
    }

    private async Task Step(string what, Func<Task> action) => await Step(what, async () =>
    {
        await action();
        return true;
    });

    private async Task<T> Step<T>(string what, Func<Task<T>> action)
    {
        statusLine.Say($"starting: {what}");
        LogStep(what);
        try
        {
            return await action();
        }
        catch (Exception exception) when (exception is not (StartRefusedException or OperationCanceledException))
        {
            throw new StartRefusedException(ExitCodes.Failed, $"Start-up failed to {what}: {exception.Message}", exception);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Version}, environment {Environment}")]
    private partial void LogVersion(string version, string environment);

    [LoggerMessage(Level = LogLevel.Information, Message = "Starting: {What}")]
    private partial void LogStep(string what);
}
