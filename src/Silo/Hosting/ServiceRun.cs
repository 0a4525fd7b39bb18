using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using HostService.Gateway;
using HostService.GrainInterfaces;
using HostService.Grains;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Reporting;
using HostService.Silo.Shutdown;
using HostService.Silo.Startup;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace HostService.Silo.Hosting;

/// <summary>One run of the service, from its settings to its exit code. It ends here and nowhere else.</summary>
public static partial class ServiceRun
{
    /// <summary>Runs until something asks for the end; the exit code says how it ended.</summary>
    public static async Task<int> RunAsync(IConfigurationRoot configuration)
    {
        try
        {
            using var sentry = ErrorReporting.Start(configuration);
            try
            {
                await using var app = ServiceHost.Build(configuration);
                return await RunAsync(app);
            }
            finally
            {
                await ErrorReporting.FlushAsync();
            }
        }
        catch (StartRefusedException refusal)
        {
            await Console.Error.WriteLineAsync($"host-service: {refusal.Message}");
            return refusal.ExitCode;
        }
    }

    private static async Task<int> RunAsync(WebApplication app)
    {
        var asked = app.Services.GetRequiredService<WayOutRequest>();
        var wayOut = app.Services.GetRequiredService<WayOut>();
        using var term = OnSignal(PosixSignal.SIGTERM, asked);
        using var interrupt = OnSignal(PosixSignal.SIGINT, asked);

        // An exception that nobody handled ends the service the clean way, like every other cause.
        ExceptionHandling.SetUnhandledExceptionHandler(exception =>
        {
            LogCrash(app.Logger, exception);
            asked.Request(new End(EndCause.Crash, exception.Message, ExitCodes.Failed));
            return true;
        });

        var end = await StartAsync(app, asked) ?? await asked.Asked;
        await wayOut.RunAsync(end);
        await StopAsync(app);
        await wayOut.TurnOffAsync(end);
        return end.ExitCode;
    }

    /// <summary>Null when the service is ready, else why it ends before it was.</summary>
    private static async Task<End?> StartAsync(WebApplication app, WayOutRequest asked)
    {
        using var cancelled = new CancellationTokenSource();
        var start = StartAsync(app, cancelled.Token);
        if (await Task.WhenAny(start, asked.Asked) == asked.Asked)
        {
            await cancelled.CancelAsync();
        }

        try
        {
            await start;
        }
        catch (OperationCanceledException) when (asked.Asked.IsCompleted)
        {
            return await asked.Asked;
        }
        catch (Exception exception)
        {
            // Whatever stopped it, what start-up had taken until then is given back, and the reason is the last thing that an operator reads.
            var refusal = exception as StartRefusedException ?? exception.InnerException as StartRefusedException;
            if (refusal is null)
            {
                LogNotStarted(app.Logger, exception.Message, exception);
            }
            else
            {
                LogRefused(app.Logger, refusal.Message);
            }

            var exitCode = refusal?.ExitCode ?? (exception is GatewayCertificateException ? ExitCodes.Usage : ExitCodes.Failed);
            asked.Request(new End(EndCause.StartFailed, refusal?.Message ?? exception.Message, exitCode));
            return await asked.Asked;
        }

        if (asked.Asked.IsCompleted)
        {
            // Its end has been asked for meanwhile: nobody is to be told that it is ready.
            return await asked.Asked;
        }

        await SayReadyAsync(app);
        return null;
    }

    private static async Task StartAsync(WebApplication app, CancellationToken cancellationToken)
    {
        await app.Services.GetRequiredService<StartUp>().PrepareAsync(cancellationToken);
        await app.StartAsync(cancellationToken);
    }

    private static async Task SayReadyAsync(WebApplication app)
    {
        var facts = app.Services.GetRequiredService<HostInfoSource>().Current;
        var host = await app.Services.GetRequiredService<IGrainFactory>().GetGrain<IHostGrain>(HostKeys.Host(facts.Identity.InstanceName)).Describe();
        var listening = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        var port = new Uri(listening.Replace("[::]", "localhost", StringComparison.Ordinal).Replace("0.0.0.0", "localhost", StringComparison.Ordinal)).Port;
        Console.WriteLine($"host-service ready on https://{facts.Identity.PublicIpv4}:{port} ({facts.Environment.Name}, {host.Slots.Capacity} slots)");
        app.Services.GetRequiredService<ISystemd>().Ready();
    }

    private static async Task StopAsync(WebApplication app)
    {
        using var deadline = new CancellationTokenSource(ShutdownOptions.SiloTimeout);
        try
        {
            await app.StopAsync(deadline.Token);
        }
        catch (Exception exception)
        {
            // The last step but the flush: there is nobody left to hand it to but the log.
            LogNotStopped(app.Logger, exception);
        }
    }

    private static PosixSignalRegistration OnSignal(PosixSignal signal, WayOutRequest asked) => PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;
        asked.Request(new End(EndCause.Signal, context.Signal.ToString(), ExitCodes.Ended));
    });

    [LoggerMessage(Level = LogLevel.Critical, Message = "An exception was not handled")]
    private static partial void LogCrash(ILogger logger, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "The service does not start: {Why}")]
    private static partial void LogRefused(ILogger logger, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "The service did not start: {Why}")]
    private static partial void LogNotStarted(ILogger logger, string why, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "The silo did not stop cleanly")]
    private static partial void LogNotStopped(ILogger logger, Exception exception);
}
