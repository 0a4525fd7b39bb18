using System.CommandLine;
using System.Globalization;
using HostService.Gateway;
using HostService.Gateway.Tls;
using HostService.Silo.Hosting;
using HostService.Silo.Lifecycle;
using HostService.Silo.Reporting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service gateway</c>: the gateway alone, as a client of a silo in another process.</summary>
internal static partial class GatewayCommand
{
    public static Command Create()
    {
        var command = new Command(
            "gateway",
            "Run the HTTPS gateway alone, as a client of the silo that listens on Orleans:GatewayPort of this machine. "
            + "Needs Orleans:ExternalClients=true here and where the silo runs.");
        command.SetProcess(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(IConfigurationRoot configuration, CancellationToken cancellationToken)
    {
        var environment = ServiceConfiguration.EnvironmentOf(configuration);
        var orleans = configuration.ReadOrDefaults<OrleansOptions>("Orleans");
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "host-service" });
        builder.Configuration.AddConfiguration(configuration);
        builder.AddServiceLogging();
        builder.AddTelemetry();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<IHostLifetime, NoConsoleLifetime>();
        builder.Services.AddSingleton<IShutdownSignal, RemoteShutdown>();
        try
        {
            builder.AddLocalSilo();
            builder.AddServiceGateway(environment);
            StartRefusedException.ThrowIfAny(ServiceConfiguration.Validate(configuration, builder.Services));
            if (ServiceConfiguration.EnvironmentWarning(configuration) is { } warning)
            {
                await Console.Error.WriteLineAsync($"host-service: warning: {warning}");
            }

            await using var app = builder.Build();
            app.MapGateway();
            Task ExplainAsync(Task start) =>
                ListenErrors.ExplainAsync(start, app.Services.GetRequiredService<IOptions<GatewayOptions>>().Value);
            if (await LocalSilo.StartAsync(app, orleans, ExplainAsync, cancellationToken) is { } why)
            {
                await Console.Error.WriteLineAsync($"host-service: {why}");
                return ExitCodes.Failed;
            }

            var port = ReadyLine.PortOf(app.Urls.First());
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"host-service gateway ready on https://localhost:{port}"));
            await app.WaitForShutdownAsync(cancellationToken);
            await Telemetry.FlushAsync(app.Services);
            return ExitCodes.Ended;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Stopped before it was ready.
            return ExitCodes.Ended;
        }
        catch (Exception exception) when (exception is OrleansConfigurationException or GatewayCertificateException)
        {
            throw new StartRefusedException(ExitCodes.Usage, exception.Message, exception);
        }
    }

    /// <summary>Asks the silo's process to shut down, through the host's grain.</summary>
    private sealed partial class RemoteShutdown(IGrainFactory grains, IHostName host, ILogger<RemoteShutdown> logger) : IShutdownSignal
    {
        public void Request(string reason, bool force) => _ = RequestAsync(reason, force);

        private async Task RequestAsync(string reason, bool force)
        {
            try
            {
                await grains.GetGrain<IHostGrain>(HostKeys.Host(host.InstanceName)).RequestShutdown(reason, force);
            }
            catch (Exception exception)
            {
                // The caller has been answered already.
                LogNotAsked(exception);
            }
        }

        [LoggerMessage(LogLevel.Error, "The silo could not be asked to shut down")]
        private partial void LogNotAsked(Exception exception);
    }
}
