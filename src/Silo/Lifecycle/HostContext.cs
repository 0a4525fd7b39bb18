using HostService.Gateway.Tls;
using HostService.Grains.Lifecycle;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Aws;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Linux.Power;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Hosting;
using HostService.Silo.Reporting;
using HostService.Silo.Startup;
using Microsoft.Extensions.Logging.Abstractions;

namespace HostService.Silo.Lifecycle;

/// <summary>What the steps of the host's life share.</summary>
public sealed partial class HostContext(IConfigurationRoot configuration, ShutdownOptions options, ShutdownSignal shutdown)
{
    private ILogger _logger = NullLogger.Instance;

    public IConfigurationRoot Configuration => configuration;

    public ShutdownOptions Options => options;

    public ShutdownSignal Shutdown => shutdown;

    public HostEnvironment Environment { get; } = ServiceConfiguration.EnvironmentOf(configuration);

    /// <summary>Null before it is built and after it is disposed of.</summary>
    public IHost? Application { get; private set; }

    /// <summary>Null until the start has found it.</summary>
    public HostIdentity? Identity { get; set; }

    /// <summary>The container engine, once it has been reached.</summary>
    public EngineInfo? Engine { get; set; }

    /// <summary>What an earlier run left; null until the start looks for it. Outlives the application.</summary>
    public Leftovers? Leftovers { get; set; }

    /// <summary>Whether all rows of the start are done.</summary>
    public bool IsStarted { get; set; }

    /// <summary>The ids of mandelboxes whose containers outlived an earlier run.</summary>
    public IReadOnlyCollection<string> Earlier { get; set; } = [];

    public IHostGrain Grain => Get<IGrainFactory>().GetGrain<IHostGrain>(HostKeys.Host(Identity!.InstanceName));

    /// <summary>Outlives the application: the machine is turned off last.</summary>
    public IPower Power { get; init; } = ReadHostOptions(configuration).ManageSystem ? new SystemPower(TimeProvider.System) : new NoPower();

    /// <summary>Whether this machine is an EC2 instance, by its firmware: known before the instance metadata are read.</summary>
    public bool IsEc2 { get; init; } = Ec2Firmware.IsPresent();

    /// <summary>Whether <see cref="CheckUseAsync"/> found that another run may have users on this machine.</summary>
    public bool IsInUse { get; private set; }

    /// <summary>
    /// B1, B30: always in a deployed environment, also after a start that failed, because an instance that nobody can use must not stay
    /// billed; locally only when the backend asks for it. Never a machine that is not on EC2, nor one that another run uses.
    /// </summary>
    public bool TurnsMachineOff => !IsInUse && !LeavesMandelboxes && (Environment.IsDeployed
        ? Identity is not null || IsEc2
        : Identity is not null && IsFor(ShutdownReason.Request));

    /// <summary>Whether this run goes on with mandelboxes of an earlier one.</summary>
    public bool HasTakenOver => Leftovers is { Reattached.Count: > 0 };

    /// <summary>
    /// Whether mandelboxes go on without this run, for the next one: at a restart, when a start does not get to its end that was to take
    /// them over, and after a run that was killed, if the next one reattaches.
    /// </summary>
    public bool LeavesMandelboxes => IsFor(ShutdownReason.Restart)
        || (IsFor(ShutdownReason.Killed) && HostOptions.Reattaches)
        || (!IsStarted && HasTakenOver);

    /// <summary>Of mandelboxes that this shutdown ends.</summary>
    public EndCause EndCause => IsFor(ShutdownReason.EngineLost) ? EndCause.EngineLost
        : IsFor(ShutdownReason.DrainTimeout) ? EndCause.DrainLimit
        : EndCause.HostStopped;

    public T Get<T>()
        where T : notnull
    {
        var services = (Application ?? throw new InvalidOperationException("The application is not built, or disposed of.")).Services;
        return services.GetRequiredService<T>();
    }

    public void Use(IHost application)
    {
        Application = application;
        _logger = Get<ILoggerFactory>().CreateLogger("HostService.Silo.Lifecycle");
    }

    /// <summary>Also flushes the log, and what is queued for a collector.</summary>
    public async Task DisposeApplicationAsync()
    {
        if (Application is { } application)
        {
            Application = null;
            await Telemetry.FlushAsync(application.Services);
            await ((IAsyncDisposable)application).DisposeAsync();
        }
    }

    /// <summary>Reports the next step to the log and to systemd.</summary>
    public void OnStep(IStep<HostContext> step, bool isUndo)
    {
        if (Application is null || ((HostStep)step).IsStop != isUndo)
        {
            return;
        }

        if (isUndo)
        {
            Get<StatusLine>().SetShutdown($"shutting down: {step.Name}");
            LogStopping(step.Name);
            if (step.UndoTimeout != Timeout.InfiniteTimeSpan)
            {
                Get<ISystemd>().ExtendTimeout(step.UndoTimeout ?? options.StepTimeout);
            }
        }
        else
        {
            Get<StatusLine>().SetNormal($"starting: {step.Name}");
            LogStarting(step.Name);
        }
    }

    public ShutdownRequest StartFailed(StepFailure failure)
    {
        var refusal = failure.Exception as StartRefusedException ?? failure.Exception?.InnerException as StartRefusedException;
        var why = refusal?.Message ?? $"Start-up failed to {failure.Step}: {failure.Reason}";
        if (Application is null)
        {
            // There is no log yet. The stack is needed of an exception that is not a refusal.
            Console.Error.WriteLine(refusal is null ? $"host-service: {why}\n{failure.Exception}" : $"host-service: {why}");
        }
        else
        {
            LogNotStarted(why, refusal is null && !IsExpected(failure.Exception) ? failure.Exception : null);
        }

        var otherwise = failure.Exception is GatewayCertificateException ? ExitCodes.Usage : ExitCodes.Failed;
        return new ShutdownRequest(ShutdownReason.StartFailed, why, refusal?.ExitCode ?? otherwise);
    }

    /// <summary>
    /// After a start that failed: says which mandelboxes are left to the next one. In a deployed environment: are there directories of
    /// another run, or running containers of this host?
    /// </summary>
    public async Task CheckUseAsync()
    {
        if (LeavesMandelboxes)
        {
            LogLeft(string.Join(", ", Leftovers!.ReattachedIds));
            return;
        }

        if (!Environment.IsDeployed)
        {
            return;
        }

        var root = HostOptions.Root;
        IsInUse = Application is null
            ? Path.Exists(root)
            : Get<ExclusiveUse>().IsRefused || Get<HostDirectories>().Leftover is not null;
        if (!IsInUse && Application is not null && Identity is { } identity)
        {
            try
            {
                using var timeout = new CancellationTokenSource(options.StepTimeout);
                IsInUse = (await Get<IContainerEngine>().ListAsync(ContainerLabels.OfAnyHost, timeout.Token)).Any(
                    container => container.Running && ContainerLabels.IsOfHost(container.Labels, identity.InstanceName, root));
            }
            catch (Exception exception)
            {
                // Without its engine the host has no users, and that may be why it did not start. The shutdown must run in any case.
                LogUseUnknown(exception.Message);
            }
        }

        if (IsInUse)
        {
            LogInUse(root);
        }
    }

    /// <summary>Not before a drain is over: from <c>STOPPING=1</c> on systemd waits for <c>TimeoutStopSec</c> only.</summary>
    public void TellSystemd()
    {
        if (Application is not null)
        {
            Get<ISystemd>().Stopping();
        }
    }

    /// <summary>Logs the stop that ended a drain.</summary>
    public void LogTakeover()
    {
        if (shutdown.Stopped is { IsCompletedSuccessfully: true, Result: var stop } && stop != shutdown.Requested.Result)
        {
            LogTakeover(stop.Reason, stop.Detail);
        }
    }

    /// <summary>Tells the log and the status line that the drain was cancelled.</summary>
    public void OnDrainCancelled()
    {
        Get<StatusLine>().SetShutdown(null);
        LogDrainCancelled();
    }

    public void LogShutdown(ShutdownRequest request) => LogShutdown(request.Reason, request.Detail);

    public void LogCrash(Exception exception)
    {
        if (_logger is NullLogger)
        {
            Console.Error.WriteLine($"host-service: unhandled exception: {exception}");
        }

        LogUnhandled(exception);
    }

    public void LogLastWordsFailed(StepFailure failure)
    {
        if (_logger is NullLogger)
        {
            Console.Error.WriteLine($"host-service: failed to {failure.Step}: {failure.Reason}");
        }

        LogLastWordsFailed(failure.Step, failure.Reason);
    }

    public void LogStopFailed(string step, Exception exception) => LogStopFailed(step, exception.Message, exception);

    private HostOptions HostOptions => ReadHostOptions(configuration);

    private static HostOptions ReadHostOptions(IConfiguration configuration) =>
        configuration.ReadOrDefaults<HostOptions>(HostOptions.Section);

    /// <summary>Whether this is the reason of the shutdown, or of the stop that ended its drain.</summary>
    private bool IsFor(ShutdownReason reason) => new[] { shutdown.Requested, shutdown.Stopped }
        .Any(request => request.IsCompletedSuccessfully && request.Result.Reason == reason);

    /// <summary>Expected exceptions explain themselves; the stack of any other one is logged, too.</summary>
    private static bool IsExpected(Exception? exception) =>
        exception is null or IOException || exception.GetType().Namespace?.StartsWith("HostService", StringComparison.Ordinal) == true;

    [LoggerMessage(LogLevel.Information, "Starting: {Step}")]
    private partial void LogStarting(string step);

    [LoggerMessage(LogLevel.Information, "Shutting down: {Step}")]
    private partial void LogStopping(string step);

    [LoggerMessage(LogLevel.Error, "The service does not start: {Reason}")]
    private partial void LogNotStarted(string reason, Exception? exception);

    [LoggerMessage(LogLevel.Information, "The service ends ({Reason}): {Detail}")]
    private partial void LogShutdown(ShutdownReason reason, string detail);

    [LoggerMessage(LogLevel.Information, "The drain is cancelled; this host takes spin-ups again")]
    private partial void LogDrainCancelled();

    [LoggerMessage(LogLevel.Information, "The drain is over, mandelboxes are ended now ({Reason}): {Detail}")]
    private partial void LogTakeover(ShutdownReason reason, string detail);

    [LoggerMessage(
        LogLevel.Warning,
        "The start did not get to its end; these mandelboxes go on, and the next start takes them over: {Mandelboxes}")]
    private partial void LogLeft(string mandelboxes);

    [LoggerMessage(
        LogLevel.Warning,
        "The machine stays on: {Root} or running containers of this host belong to another run, whose users may still be there")]
    private partial void LogInUse(string root);

    [LoggerMessage(
        LogLevel.Warning, "Whether mandelboxes of an earlier run are here is not known, so the machine does not stay on: {Reason}")]
    private partial void LogUseUnknown(string reason);

    [LoggerMessage(LogLevel.Critical, "Unhandled exception")]
    private partial void LogUnhandled(Exception exception);

    [LoggerMessage(LogLevel.Error, "The last words lack something: failed to {Step}: {Reason}")]
    private partial void LogLastWordsFailed(string step, string reason);

    [LoggerMessage(LogLevel.Error, "Shutdown failed to {Step}: {Reason}")]
    private partial void LogStopFailed(string step, string reason, Exception exception);
}
