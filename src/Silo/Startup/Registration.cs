using HostService.Grains;
using HostService.Infrastructure.Backend.Rows;
using HostService.Silo.Background;
using HostService.Silo.Hosting;
using HostService.Silo.Lifecycle;

namespace HostService.Silo.Startup;

/// <summary>This host's row in the database: taken over, kept fresh, removed (B23, B26). Does nothing where there is no database.</summary>
public sealed partial class Registration(
    RunningEnvironment running,
    IOptions<HostOptions> options,
    IBackendDatabase database,
    HeartbeatLoop heartbeat,
    StaleRowSweep sweep,
    HostInfoSource info,
    MetricsCache metrics,
    ShutdownSignal shutdown,
    ILogger<Registration> logger)
{
    private bool _refused;
    private bool _isDraining;

    /// <summary>A run that takes mandelboxes over goes on with the row of the last one.</summary>
    private bool MayHaveTakenOver => options.Value.Reattaches;

    private string InstanceName => info.Current.Identity.InstanceName;

    /// <summary>Whether <see cref="RegisterAsync"/> would be refused, before anything is removed.</summary>
    /// <exception cref="StartRefusedException">The row is not ours.</exception>
    public async Task CheckAsync(HostIdentity identity, CancellationToken cancellationToken)
    {
        if (running.Value.HasDatabase)
        {
            ThrowIfRefused(await database.CheckRegistrationAsync(Ours(identity, capacity: 0), cancellationToken));
        }
    }

    /// <summary>
    /// Takes the row over, removes rows of mandelboxes that a crash has ended, and starts heartbeat and sweep. Where the webserver no
    /// longer wants this host, also requests a shutdown.
    /// </summary>
    /// <param name="existing">Ids of mandelboxes whose containers outlived an earlier run: their rows stay.</param>
    /// <param name="host">Knows which mandelboxes are alive.</param>
    /// <exception cref="StartRefusedException">The row is not ours.</exception>
    public async Task RegisterAsync(IReadOnlyCollection<string> existing, IHostGrain host, CancellationToken cancellationToken)
    {
        if (!running.Value.HasDatabase)
        {
            return;
        }

        var known = info.Current;
        var answer = await database.RegisterAsync(
            Ours(known.Identity, known.Gpus.Count > 0 ? known.Gpus.Count * known.MandelboxesPerGpu : known.CpuOnlySlots),
            cancellationToken);
        ThrowIfRefused(answer);
        if (answer.Outcome == RegistrationOutcome.NotWanted)
        {
            EndNotWanted(answer.Reason ?? "the webserver no longer wants this host");
        }

        // Also of a host that is not wanted: the users of mandelboxes that were taken over stay until they leave.
        await RemoveLostAsync(existing, cancellationToken);
        heartbeat.Start(InstanceName, () => metrics.Latest, EndNotWanted);
        sweep.Start(InstanceName, token => AliveAsync(host, token), EndNotWanted);
    }

    public Task MarkDrainingAsync(CancellationToken cancellationToken)
    {
        _isDraining = true;
        return SetStatusAsync(InstanceStatus.Draining, cancellationToken);
    }

    /// <summary>For a run that was killed: its host gets no new mandelboxes (B31).</summary>
    public async Task MarkKilledAsync(HostIdentity identity, CancellationToken cancellationToken)
    {
        if (running.Value.HasDatabase && await database.DrainKilledHostAsync(Ours(identity, capacity: 0), cancellationToken))
        {
            LogDraining();
        }
    }

    /// <summary>After a drain that was cancelled; at the start the row is active already, or the webserver wants another status.</summary>
    public Task MarkActiveAgainAsync(CancellationToken cancellationToken)
    {
        var wasDraining = _isDraining;
        _isDraining = false;
        return wasDraining ? SetStatusAsync(InstanceStatus.Active, cancellationToken) : Task.CompletedTask;
    }

    /// <summary>Removes the row, also that of a host that is no longer wanted, but not one that belongs to another host.</summary>
    public Task RemoveAsync(CancellationToken cancellationToken) =>
        running.Value.HasDatabase && !_refused ? database.RemoveHostAsync(InstanceName, cancellationToken) : Task.CompletedTask;

    /// <summary>Removes the rows of mandelboxes that an earlier run lost.</summary>
    /// <param name="existing">Ids of mandelboxes that are still there.</param>
    public async Task RemoveLostAsync(IReadOnlyCollection<string> existing, CancellationToken cancellationToken)
    {
        if (running.Value.HasDatabase
            && await database.RemoveLostMandelboxesAsync(InstanceName, existing, cancellationToken) is > 0 and var lost)
        {
            LogLost(lost);
        }
    }

    private HostRegistration Ours(HostIdentity identity, int capacity) =>
        new(identity, ServiceVersion.Commit, capacity, metrics.Latest) { MayHaveTakenOver = MayHaveTakenOver };

    private Task SetStatusAsync(string status, CancellationToken cancellationToken) => running.Value.HasDatabase
        ? database.SetHostStatusAsync(InstanceName, status, cancellationToken)
        : Task.CompletedTask;

    private void ThrowIfRefused(RegistrationAnswer answer)
    {
        if (answer.Outcome == RegistrationOutcome.Refused)
        {
            _refused = true;
            throw new StartRefusedException(ExitCodes.Refused, $"This host's row in the database is not ours to take: {answer.Reason}");
        }
    }

    private static async Task<IReadOnlyCollection<string>> AliveAsync(IHostGrain host, CancellationToken cancellationToken) =>
        [.. (await host.ListMandelboxes().WaitAsync(cancellationToken)).Select(mandelbox => mandelbox.MandelboxId)];

    private void EndNotWanted(string reason) =>
        shutdown.Request(new ShutdownRequest(ShutdownReason.NotWanted, reason, Drains: true));

    [LoggerMessage(LogLevel.Information, "The row of this host says DRAINING now")]
    private partial void LogDraining();

    [LoggerMessage(LogLevel.Warning, "Removed {Count} rows of mandelboxes that an earlier run lost")]
    private partial void LogLost(int count);
}
