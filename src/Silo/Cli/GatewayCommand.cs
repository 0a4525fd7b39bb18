using System.CommandLine;
using HostService.Gateway;
using HostService.GrainInterfaces;
using HostService.Silo.Hosting;
using HostService.Silo.Reporting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service gateway</c>: the gateway alone, as a client of a silo in another process.</summary>
internal static partial class GatewayCommand
{
    public static Command Create()
    {
        var command = new Command("gateway", "Run the HTTPS gateway alone, as a client of the silo that listens on Orleans:GatewayPort of this machine.")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var faults = parsed.UnmatchedTokens.Select(ServiceConfiguration.Fault).OfType<string>().ToList();
            if (!ServiceConfigurationReader.TryRead(faults.Count > 0 ? [] : parsed.UnmatchedTokens, out var configuration, out var unreadable) || faults.Count > 0)
            {
                await Console.Error.WriteLineAsync($"host-service: {unreadable ?? string.Join('\n', faults)}");
                return ExitCodes.Usage;
            }

            return await RunAsync(configuration, cancellationToken);
        });
        return command;
    }

    private static async Task<int> RunAsync(IConfigurationRoot configuration, CancellationToken cancellationToken)
    {
        var environment = ServiceConfiguration.EnvironmentOf(configuration);
        var orleans = configuration.ReadOrDefaults<OrleansOptions>("Orleans");
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "host-service" });
        builder.Configuration.AddConfiguration(configuration);
        builder.AddServiceLogging();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<IShutdownTrigger, RemoteShutdown>();
        try
        {
            builder.UseOrleansClient(client => client.UseLocalhostClustering(orleans.GatewayPort));
            builder.AddServiceGateway(environment);
            if (OptionsCheck.Faults(builder.Services) is { Count: > 0 } faults)
            {
                await Console.Error.WriteLineAsync($"host-service: {string.Join('\n', faults)}");
                return ExitCodes.Usage;
            }

            await using var app = builder.Build();
            app.MapGateway();
            await app.StartAsync(cancellationToken);
            await app.WaitForShutdownAsync(cancellationToken);
            return ExitCodes.Ended;
        }
        catch (OrleansConfigurationException error)
        {
            await Console.Error.WriteLineAsync($"host-service: {error.Message}");
            return ExitCodes.Usage;
        }
    }

    /// <summary>The way out is the silo's: it is asked for through the host's grain.</summary>
    private sealed partial class RemoteShutdown(IGrainFactory grains, IHostName host, ILogger<RemoteShutdown> logger) : IShutdownTrigger
    {
        public void Request(string reason) => _ = RequestAsync(reason);

        private async Task RequestAsync(string reason)
        {
            try
            {
                await grains.GetGrain<IHostGrain>(HostKeys.Host(host.InstanceName)).RequestShutdown(reason);
            }
            catch (Exception error)
            {
                // The caller has its answer already; the operator reads this.
                LogNotAsked(error);
            }
        }

        [LoggerMessage(Level = LogLevel.Error, Message = "The silo could not be asked to shut down")]
        private partial void LogNotAsked(Exception error);
    }
}
