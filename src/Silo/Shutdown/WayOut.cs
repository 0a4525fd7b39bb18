using HostService.GrainInterfaces;
using HostService.Grains;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Backend.Webserver;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Linux.Power;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Silo.Background;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.Extensions.Options;

namespace HostService.Silo.Shutdown;

/// <summary>
/// The one way out, for every cause (B30). Every step is tried whatever came of the others, has a deadline of its own, and runs on no token that the cause
/// may have cancelled. A step whose beginning start-up never reached finds nothing to do.
/// </summary>
public sealed partial class WayOut(
    StartedParts started,
    HostInfoSource facts,
    IGrainFactory grains,
    IBackendDatabase database,
    HeartbeatLoop heartbeat,
    StaleRowSweep sweep,
    IWebserver webserver,
    IUserConfigStore userConfigs,
    HostDirectories directories,
    ISystemd systemd,
    StatusLine statusLine,
    IPower power,
    IServiceProvider services,
    BackgroundParts background,
    IOptions<ShutdownOptions> options,
    IOptions<MandelboxOptions> mandelboxOptions,
    TimeProvider timeProvider,
    ILogger<WayOut> logger)
{
    private readonly ShutdownOptions _options = options.Value;

    /// <summary>Runs all of it; the silo itself is stopped by the caller afterwards.</summary>
    public async Task RunAsync(End end)
    {
        systemd.Stopping();
        await Step("mark the host as draining", MarkDrainingAsync);
        if (GivesGrace(end.Cause) && started.Active && facts.Current.Environment.IsDeployed)
        {
            await Step("grace for what was assigned", _ => Task.Delay(_options.Grace, timeProvider, CancellationToken.None), _options.Grace + _options.StepTimeout);
        }

        await Step("close the host", CloseAsync);
        await Step("stop the HTTPS server", StopServerAsync);
        await Step("end the mandelboxes", EndMandelboxesAsync, _options.MandelboxTimeout);
        await Step("stop watching the engine", background.StopEventsAsync);

        // From here on no save can end well: one that went on while its directory is removed would store what is left of it.
        await Step("give up what is still being saved", userConfigs.StopAsync);
        await Step("remove directories", _ => Task.Run(directories.RemoveAll, CancellationToken.None));
        await Step("sweep rows that nobody came for", sweep.StopAsync);
        await Step("remove the host's row", RemoveRowAsync);
        await Step("write what the database is still owed", database.FlushAsync);
        await Step("stop the heartbeat", _ => heartbeat.StopAsync());
        await Step("stop the webserver's heartbeat", background.StopWebserverAsync);
        await Step("say goodbye to the webserver", SayGoodbyeAsync);
        await Step("stop metrics", background.StopRestAsync);
    }

    /// <summary>The last thing of all, where the environment says so (B1): always on EC2, locally only when drained by request.</summary>
    public async Task TurnOffAsync(End end)
    {
        if (started.Facts && end.Cause != EndCause.StartFailed && (facts.Current.Environment.IsDeployed || end.Cause == EndCause.Request))
        {
            await Step("turn the machine off", power.ShutDownAsync);
        }
    }

    /// <summary>Without its engine a host takes no spin-ups, and after a crash it is not to be trusted with any.</summary>
    private static bool GivesGrace(EndCause cause) => cause is EndCause.Signal or EndCause.Request or EndCause.NotWanted;

    private IHostGrain HostGrain => grains.GetGrain<IHostGrain>(HostKeys.Host(facts.Current.Identity.InstanceName));

    private async Task MarkDrainingAsync(CancellationToken cancellationToken)
    {
        if (started.Silo && started.Facts)
        {
            await HostGrain.SetStatus(HostStatus.Draining);
        }

        if (started.Registered)
        {
            await database.SetHostStatusAsync(facts.Current.Identity.InstanceName, "DRAINING", cancellationToken);
        }
    }

    // Before its identity is known this host has not introduced itself to anybody, and could not say who is leaving.
    private Task SayGoodbyeAsync(CancellationToken cancellationToken) => started.Facts ? webserver.SayGoodbyeAsync(cancellationToken) : Task.CompletedTask;

    private async Task CloseAsync(CancellationToken cancellationToken)
    {
        if (started.Silo && started.Facts)
        {
            await HostGrain.SetStatus(HostStatus.Closed);
        }
    }

    // Resolved only here: the server makes its key and certificate when it is resolved, which must not happen before start-up has looked around.
    private Task StopServerAsync(CancellationToken cancellationToken) =>
        started.Silo ? services.GetRequiredService<IServer>().StopAsync(cancellationToken) : Task.CompletedTask;

    private async Task EndMandelboxesAsync(CancellationToken cancellationToken)
    {
        if (!started.Silo || !started.Facts)
        {
            return;
        }

        var all = await HostGrain.ListMandelboxes();
        try
        {
            await Task.WhenAll(all.Select(m => EndAsync(m.MandelboxId, cancellationToken))).WaitAsync(cancellationToken);
        }
        finally
        {
            var left = await HostGrain.ListMandelboxes();
            if (left.Count > 0)
            {
                LogLeft(string.Join(", ", left.Select(m => m.MandelboxId)));
            }
        }
    }

    /// <summary>
    /// A stop is answered after a while although giving back goes on, for there are callers who wait. Here there is more time: it is asked again until the answer
    /// comes of itself.
    /// </summary>
    private async Task EndAsync(string mandelboxId, CancellationToken cancellationToken)
    {
        var mandelbox = grains.GetGrain<IMandelboxGrain>(mandelboxId);
        long asked;
        do
        {
            asked = timeProvider.GetTimestamp();
        }
        while (await mandelbox.Stop("the host is shutting down") && timeProvider.GetElapsedTime(asked) >= mandelboxOptions.Value.StopTimeout && !cancellationToken.IsCancellationRequested);
    }

    private async Task RemoveRowAsync(CancellationToken cancellationToken)
    {
        if (started.Registered)
        {
            await database.RemoveHostAsync(facts.Current.Identity.InstanceName, cancellationToken);
        }
    }

    private async Task Step(string what, Func<CancellationToken, Task> action, TimeSpan? deadline = null)
    {
        statusLine.End($"shutting down: {what}");
        using var late = new CancellationTokenSource(deadline ?? _options.StepTimeout, timeProvider);
        try
        {
            await action(late.Token).WaitAsync(late.Token);
        }
        catch (Exception exception)
        {
            // Reported, and on to the next: no step may keep the others from their turn.
            LogFailed(what, exception.Message, exception);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "On the way out, '{What}' failed: {Why}")]
    private partial void LogFailed(string what, string why, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "These mandelboxes are left behind, with what they hold: {Mandelboxes}")]
    private partial void LogLeft(string mandelboxes);
}
