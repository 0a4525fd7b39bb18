using HostService.Gateway.Tls;
using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Linux.Power;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Hosting;
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
    public WebApplication? Application { get; private set; }

    /// <summary>Null until the start has found it.</summary>
    public HostIdentity? Identity { get; set; }

    /// <summary>The container engine, once it has been reached.</summary>
    public EngineInfo? Engine { get; set; }

    /// <summary>The host's own grain.</summary>
    public IHostGrain Grain => Get<IGrainFactory>().GetGrain<IHostGrain>(HostKeys.Host(Identity!.InstanceName));

    /// <summary>Outlives the application: the machine is turned off last.</summary>
    public IPower Power { get; private set; } = new NoPower();

    /// <summary>B1: always on EC2, locally only when the backend drains the host; never after a start that failed.</summary>
    public bool TurnsMachineOff =>
        Identity is not null && Reason is not ShutdownReason.StartFailed && (Environment.IsDeployed || Reason is ShutdownReason.Request);

    /// <summary>B30. Not after a crash, and not without the engine: such a host takes no spin-ups.</summary>
    public bool GivesGrace =>
        Environment.IsDeployed && Reason is (ShutdownReason.Signal or ShutdownReason.Request or ShutdownReason.NotWanted);

    private ShutdownReason? Reason => shutdown.Requested.IsCompletedSuccessfully ? shutdown.Requested.Result.Reason : null;

    /// <summary>A service of the application.</summary>
    public T Get<T>()
        where T : notnull
    {
        var services = (Application ?? throw new InvalidOperationException("The application is not built, or disposed of.")).Services;
        return services.GetRequiredService<T>();
    }

    public void Use(WebApplication application)
    {
        Application = application;
        Power = Get<IPower>();
        _logger = Get<ILoggerFactory>().CreateLogger("HostService.Silo.Lifecycle");
    }

    /// <summary>Also flushes the log.</summary>
    public async Task DisposeApplicationAsync()
    {
        if (Application is { } application)
        {
            Application = null;
            await application.DisposeAsync();
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
            Get<ISystemd>().ExtendTimeout(step.UndoTimeout ?? options.StepTimeout);
        }
        else
        {
            Get<StatusLine>().SetNormal($"starting: {step.Name}");
            LogStarting(step.Name);
        }
    }

    /// <summary>Logs why the service does not start.</summary>
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

    public void LogShutdown(ShutdownRequest request) => LogShutdown(request.Reason, request.Detail);

    public void LogCrash(Exception exception)
    {
        if (_logger is NullLogger)
        {
            Console.Error.WriteLine($"host-service: unhandled exception: {exception}");
        }

        LogUnhandled(exception);
    }

    public void LogStopFailed(string step, Exception exception) => LogStopFailed(step, exception.Message, exception);

    /// <summary>Expected exceptions explain themselves; the stack of any other one is logged, too.</summary>
    private static bool IsExpected(Exception? exception) =>
        exception is null or IOException || exception.GetType().Namespace?.StartsWith("HostService", StringComparison.Ordinal) == true;

    [LoggerMessage(Level = LogLevel.Information, Message = "Starting: {Step}")]
    private partial void LogStarting(string step);

    [LoggerMessage(Level = LogLevel.Error, Message = "The service does not start: {Reason}")]
    private partial void LogNotStarted(string reason, Exception? exception);

    [LoggerMessage(Level = LogLevel.Information, Message = "The service ends ({Reason}): {Detail}")]
    private partial void LogShutdown(ShutdownReason reason, string detail);

    [LoggerMessage(Level = LogLevel.Critical, Message = "Unhandled exception")]
    private partial void LogUnhandled(Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "Shutdown failed to {Step}: {Reason}")]
    private partial void LogStopFailed(string step, string reason, Exception exception);
}
