using HostService.Gateway;
using HostService.Grains;
using HostService.Grains.Host;
using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Backend.Webserver;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Gpu;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Silo.Background;
using HostService.Silo.Hosting;
using HostService.Silo.Reporting;
using HostService.Silo.Startup;
using Microsoft.AspNetCore.Hosting.Server;

namespace HostService.Silo.Lifecycle;

/// <summary>
/// The host's life (B3, B30). Read downwards, the Start rows are the start; read upwards, the Stop rows are the shutdown. Nothing else says
/// the order. The rows of one <c>new(…)</c> begin together: a Stop row is due as soon as the Start row beside it has begun, also when that
/// failed.
/// </summary>
/// <remarks>
/// Two Stop rows occur twice, because the contract wants them earlier than the reverse of the start would: directories go before the host's
/// row is removed, and the dying heartbeat before metrics stop. The lower row keeps that order; the upper row serves a start that failed
/// before the lower one, and otherwise finds nothing to do. So does the row that leaves mandelboxes to the next run. The StopForGood rows
/// are left out where the mandelboxes go on in the next run.
/// </remarks>
public static class HostLifecycle
{
    private const string AcceptSpinUps = "accept spin-ups";
    private static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan SiloTimeout = TimeSpan.FromSeconds(20);

    public static IReadOnlyList<Stage<HostContext>> Stages(ShutdownOptions options) =>
    [
        new(Stop("turn the machine off", (host, token) => host.TurnsMachineOff ? host.Power.ShutDownAsync(token) : Task.CompletedTask)),
        StartErrorReporting(),
        BuildApplication((configuration, shutdown) => ServiceHost.Build(configuration, shutdown)),
        new(Start<Preconditions>("check the preconditions", preconditions => preconditions.Check())),
        new(Start<IBackendDatabase>("test the database", (database, token) => database.TestAsync(token))),
        new(
            StopForGood("send the dying heartbeat", SendDyingHeartbeatAsync),
            Start("find this host's identity", FindIdentityAsync)),
        new(Start("read the GPUs", async (host, token) =>
            host.Get<HostIdentityProvider>().Publish(host.Identity!, await host.Get<GpuMonitor>().TakeInventoryAsync(token)))),
        new(Start<FirewallMonitor>("load the firewall", (firewall, token) => firewall.LoadAsync(token))),
        new(Start<HostCapabilities>("load the AppArmor profile", (capabilities, token) => capabilities.LoadProfileAsync(token))),
        new(Start("take back what the last run left", (host, token) =>
            (host.Leftovers = host.Get<Leftovers>()).TakeBackAsync(token))),
        new(
            StopForGood("remove directories", RemoveDirectoriesAsync),
            Start<HostDirectories>("make directories", directories => directories.Make())),
        new(Start<EngineStartup>("start the container engine", (engine, token) => engine.StartAsync(token))),
        new(Start("reach the container engine", async (host, token) => host.Engine = await host.Get<EngineStartup>().ReachAsync(token))),
        new(Start("claim this host's name", host => host.Get<ExclusiveUse>().ClaimEngine(host.Engine!, host.Identity!.InstanceName))),
        new(Start("look for containers of earlier runs", async (host, token) =>
            host.Earlier = await host.Get<Leftovers>().ReportAsync(token))),
        new(Start("detect capabilities", host =>
            host.Get<HostCapabilities>().Detect(host.Engine!, host.Get<HostInfoSource>().Current.Gpus.Count))),
        new(
            Stop("stop the silo", (host, token) => host.Get<SiloGate>().StopAsync(host.Application!, token), SiloTimeout),
            Start("start the silo", (host, token) => ListenErrors.ExplainAsync(
                host.Get<SiloGate>().StartSiloAsync(host.Application!, token), host.Get<IOptions<OrleansOptions>>().Value))),
        new(Start<ContainerEventDispatcher>("keep the leases of earlier runs", (events, token) => events.HoldEarlierLeasesAsync(token))),
        new(
            Stop("leave the mandelboxes to the next run", HandOverAsync),
            Start<Leftovers>("take over the mandelboxes of the last run", (leftovers, _) => leftovers.ReattachAsync())),
        new(Start("warm up", (host, token) => host.Environment.IsDeployed && !host.HasTakenOver
            ? host.Get<WarmUp>().RunAsync(token)
            : Task.CompletedTask)),
        new(
            StopLoop<HostReporter>("stop metrics"),
            StartLoop<HostReporter>("start metrics")),
        new(
            StopLoop<NoticeMonitor>("stop watching EC2's notices"),
            StartLoop<NoticeMonitor>("watch EC2's notices")),
        new(
            StopForGood("send the dying heartbeat", SendDyingHeartbeatAsync),
            StopLoop<WebserverHeartbeat>("stop the webserver's heartbeat"),
            StartLoop<WebserverHeartbeat>("start the webserver's heartbeat")),
        new(
            Stop<HeartbeatLoop>("stop the heartbeat", (heartbeat, _) => heartbeat.StopAsync()),
            Stop<IBackendDatabase>("flush database writes", (database, token) => database.FlushAsync(token)),
            StopForGood("remove the host's row", (host, token) => host.Get<Registration>().RemoveAsync(token)),
            Stop<StaleRowSweep>("sweep stale rows", (sweep, token) => sweep.StopAsync(token)),
            Start("register the host", (host, token) => host.Get<Registration>().RegisterAsync(host.Earlier, host.Grain, token))),
        new(
            StopForGood("remove directories", RemoveDirectoriesAsync),
            Stop<IUserConfigStore>("give up unfinished saves", (store, token) => store.StopAsync(token)),
            StopLoop<EngineEventLoop>("stop watching the engine"),
            StartLoop<EngineEventLoop>("watch the engine")),
        new(
            Stop("remove network sandboxes", (host, token) => host.EndCause == EndCause.EngineLost
                ? Task.CompletedTask
                : host.Get<SandboxKeeper>().RemoveAllAsync(token)),
            StopLoop<SandboxKeeper>("stop keeping network sandboxes"),
            StartLoop<SandboxKeeper>("keep network sandboxes")),
        new(Stop("end the mandelboxes", EndMandelboxesAsync, options.MandelboxTimeout)),
        new(
            Stop<IServer>("stop the HTTPS server", (server, token) => server.StopAsync(token)),
            Stop("close the host", CloseAsync),
            Start("start the HTTPS server", (host, token) => ListenErrors.ExplainAsync(
                host.Get<SiloGate>().StartServerAsync(token), host.Get<IOptions<GatewayOptions>>().Value))),
        new(
            Stop("wait for the mandelboxes to end", DrainAsync, Timeout.InfiniteTimeSpan),
            Stop<WarmPoolKeeper>("end the mandelboxes that wait for users", (pool, token) => pool.EndAllAsync(token)),
            StopLoop<WarmPoolKeeper>("stop keeping mandelboxes waiting"),
            Stop("refuse spin-ups", (host, _) => host.Grain.RefuseSpinUps()),
            Stop("wait for assigned spin-ups", GraceAsync, options.Grace + options.StepTimeout),
            Stop("mark the host as draining", MarkDrainingAsync),
            Start(AcceptSpinUps, AcceptAsync),
            StartLoop<WarmPoolKeeper>("keep mandelboxes waiting for users")),
        new(Start<EcsAgent>("start the ECS agent", (agent, token) => agent.StartAsync(token))),
        new(Start<ReadyLine>("report readiness", (line, _) => line.WriteAsync())),
    ];

    /// <summary>The stage whose undo is the drain: a drain that is cancelled runs it again.</summary>
    public static Stage<HostContext> DrainOf(IReadOnlyList<Stage<HostContext>> stages) =>
        stages.Single(stage => stage.Steps.Any(step => step.Name == AcceptSpinUps));

    /// <summary>Only deals with what an earlier run left.</summary>
    public static IReadOnlyList<Stage<HostContext>> ReclaimStages(Func<Leftovers, CancellationToken, Task> reclaim) =>
    [
        BuildApplication((configuration, shutdown) => ServiceHost.Build(configuration, shutdown)),
        new(Start<Preconditions>("check the preconditions", preconditions => preconditions.Check())),
        new(Start("find this host's identity", async (host, token) =>
        {
            await FindIdentityAsync(host, token);
            host.Get<HostIdentityProvider>().Publish(host.Identity!);
        })),
        new(Start("take back what the last run left", reclaim)),
    ];

    /// <summary>
    /// Only the end, of a run that was killed. What it has left is for the next start, or for <c>host-service reclaim</c>: users may still
    /// be there. The row of a host whose next start takes them over stays <c>ACTIVE</c>: from any other status that start would conclude
    /// that the host is not wanted.
    /// </summary>
    public static IReadOnlyList<Stage<HostContext>> LastWordsStages() =>
    [
        StartErrorReporting(),
        BuildApplication(ServiceHost.BuildWithoutSilo),
        new(
            Stop("send the dying heartbeat", SendDyingHeartbeatAsync),
            StopForGood("mark the host as draining", (host, token) => host.Identity is { } identity
                ? host.Get<Registration>().MarkKilledAsync(identity, token)
                : Task.CompletedTask),
            Start("find this host's identity", FindIdentityAsync)),
    ];

    private static Stage<HostContext> StartErrorReporting() => new(
        Stop("flush error reports", (host, _) => ErrorReporting.StopAsync(host.Shutdown.Decisive), FlushTimeout),
        Start("start error reporting", host => ErrorReporting.Start(host.Configuration)));

    private static Stage<HostContext> BuildApplication(Func<IConfigurationRoot, ShutdownSignal, IHost> build) => new(
        Stop("flush the log", (host, _) => host.DisposeApplicationAsync(), FlushTimeout),
        Start("build the application", host => host.Use(build(host.Configuration, host.Shutdown))));

    /// <summary>The sum of all timeouts but the drain's: the unit's <c>TimeoutStopSec</c> must be longer.</summary>
    public static TimeSpan LongestShutdown(ShutdownOptions options) => Stages(options)
        .SelectMany(stage => stage.Steps)
        .Where(step => ((HostStep)step).IsStop && step.UndoTimeout != Timeout.InfiniteTimeSpan)
        .Aggregate(TimeSpan.Zero, (sum, step) => sum + (step.UndoTimeout ?? options.StepTimeout));

    private static async Task FindIdentityAsync(HostContext host, CancellationToken cancellationToken)
    {
        host.Identity = await host.Get<HostIdentityProvider>().FindAsync(cancellationToken);
        ErrorReporting.Identify(host.Identity);
    }

    private static async Task AcceptAsync(HostContext host, CancellationToken cancellationToken)
    {
        await host.Grain.SetNotReady("machine", host.Get<HostCapabilities>().NotReadyReason);
        await host.Grain.SetStatus(HostStatus.Active);
        await host.Get<Registration>().MarkActiveAgainAsync(cancellationToken);
        host.Get<WarmPoolKeeper>().Wake();
    }

    /// <summary>At a restart the row stays <c>ACTIVE</c>: the next run is the same host.</summary>
    private static Task MarkDrainingAsync(HostContext host, CancellationToken cancellationToken) => Task.WhenAll(
        host.Grain.SetStatus(HostStatus.Draining, host.Shutdown.Decisive?.Detail),
        host.LeavesMandelboxes ? Task.CompletedTask : host.Get<Registration>().MarkDrainingAsync(cancellationToken));

    private static async Task GraceAsync(HostContext host, CancellationToken cancellationToken)
    {
        if (host.Environment.IsDeployed)
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, host.Shutdown.DrainToken);
            await Task.Delay(host.Options.Grace, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>At once after a stop, and when the drain is cancelled.</summary>
    private static async Task DrainAsync(HostContext host, CancellationToken cancellationToken)
    {
        await host.Get<MandelboxDrain>().RunAsync(host.Grain, host.Shutdown.DrainToken);
        host.LogTakeover();
    }

    private static Task EndMandelboxesAsync(HostContext host, CancellationToken cancellationToken) => host.LeavesMandelboxes
        ? HandOverAsync(host, cancellationToken)
        : host.Get<MandelboxShutdown>().RunAsync(host.Grain, host.EndCause, cancellationToken);

    /// <summary>Before the silo stops: a mandelbox that is not handed over ends with its activation.</summary>
    private static Task HandOverAsync(HostContext host, CancellationToken cancellationToken) => host.LeavesMandelboxes
        ? host.Get<MandelboxShutdown>().HandOverAsync(host.Grain, cancellationToken)
        : Task.CompletedTask;

    private static Task RemoveDirectoriesAsync(HostContext host, CancellationToken cancellationToken) =>
        Task.Run(host.Get<HostDirectories>().RemoveAll, cancellationToken);

    private static Task CloseAsync(HostContext host, CancellationToken cancellationToken)
    {
        host.TellSystemd();
        return host.Grain.SetStatus(HostStatus.Closed);
    }

    /// <summary>Not from a host that does not know who it is: the heartbeat names it.</summary>
    private static Task SendDyingHeartbeatAsync(HostContext host, CancellationToken cancellationToken) => host.Identity is null
        ? Task.CompletedTask
        : host.Get<IWebserver>().SendDyingHeartbeatAsync(cancellationToken);

    private static HostStep Start(string name, Func<HostContext, CancellationToken, Task> action) => new(name, action, IsStop: false);

    private static HostStep Start(string name, Action<HostContext> action) =>
        Start(name, (host, token) => Task.Run(() => action(host), token));

    private static HostStep Start<T>(string name, Func<T, CancellationToken, Task> action)
        where T : notnull => Start(name, (host, token) => action(host.Get<T>(), token));

    private static HostStep Start<T>(string name, Action<T> action)
        where T : notnull => Start(name, host => action(host.Get<T>()));

    /// <remarks>Without the token of the start, whose cancellation would stop it: it stops at its own row.</remarks>
    private static HostStep StartLoop<T>(string name)
        where T : BackgroundService => Start(name, async (host, token) =>
        {
            var loop = host.Get<T>();
            await loop.StartAsync(CancellationToken.None);
            _ = DrainOnFaultAsync(host, loop);
        });

    /// <summary>Loops handle the faults of others. One of our own leaves a host that does only a part of its work.</summary>
    private static async Task DrainOnFaultAsync(HostContext host, BackgroundService loop)
    {
        try
        {
            await loop.ExecuteTask!;
        }
        catch (OperationCanceledException)
        {
            // It was stopped.
        }
        catch (Exception exception)
        {
            host.LogCrash(exception);
            host.Shutdown.Request(new ShutdownRequest(
                ShutdownReason.Crash, $"{loop.GetType().Name} failed: {exception.Message}", ExitCodes.Failed, Drains: true));
        }
    }

    private static HostStep StopLoop<T>(string name)
        where T : BackgroundService => Stop<T>(name, (loop, token) => loop.StopAsync(token));

    private static HostStep Stop(string name, Func<HostContext, CancellationToken, Task> action, TimeSpan? timeout = null) =>
        new(name, action, IsStop: true, timeout);

    private static HostStep StopForGood(string name, Func<HostContext, CancellationToken, Task> action) =>
        Stop(name, (host, token) => host.LeavesMandelboxes ? Task.CompletedTask : action(host, token));

    private static HostStep Stop<T>(string name, Func<T, CancellationToken, Task> action)
        where T : notnull => Stop(name, (host, token) => action(host.Get<T>(), token));

    private static HostStep Stop<T>(string name, Action<T> action)
        where T : notnull => Stop(name, (host, token) => Task.Run(() => action(host.Get<T>()), token));
}
