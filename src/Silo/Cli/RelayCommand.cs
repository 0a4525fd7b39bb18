using System.CommandLine;
using HostService.Gateway;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Fleet;
using HostService.Silo.Hosting;
using HostService.Silo.Reporting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service relay</c>: makes the host of this machine a part of a fleet.</summary>
internal static class RelayCommand
{
    public static Command Create()
    {
        var command = new Command(
            "relay",
            "Connect the host service of this machine to the fleet of Relay:Fleet. "
            + "Needs Orleans:ExternalClients=true here and where the host service runs; sessions never depend on it.");
        command.SetProcess(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(IConfigurationRoot configuration, CancellationToken cancellationToken)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ApplicationName = "host-service" });
        builder.Configuration.AddConfiguration(configuration);
        builder.AddServiceLogging();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<IHostLifetime, NoConsoleLifetime>();
        builder.Services.AddValidatedOptions<RelayOptions>(RelayOptions.Section)
            .Validate(o => o.Fleet.Length > 0, "Relay:Fleet is empty; set it to the fleet's gateways, for example https://10.0.0.1:4680.");
        builder.Services.AddValidatedOptions<SystemdOptions>(SystemdOptions.Section);
        builder.Services.AddValidatedOptions<GatewayOptions>(GatewayOptions.Section);
        builder.Services.AddSingleton<HostUpgrades>();
        builder.AddLocalSilo();
        builder.Services.AddSingleton<RelayService>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<RelayService>());
        StartRefusedException.ThrowIfAny(ServiceConfiguration.Validate(configuration, builder.Services));

        using var app = builder.Build();
        var orleans = app.Services.GetRequiredService<IOptions<OrleansOptions>>().Value;
        try
        {
            if (await LocalSilo.StartAsync(app, orleans, start => start, cancellationToken) is { } why)
            {
                await Console.Error.WriteLineAsync($"host-service: {why}");
                return ExitCodes.Failed;
            }

            var gateway = await app.Services.GetRequiredService<RelayService>().Connected.WaitAsync(cancellationToken);
            Console.WriteLine($"host-service relay connected to {gateway.GetLeftPart(UriPartial.Authority)}");
            await app.WaitForShutdownAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Stopped before it was connected.
        }

        await app.StopAsync(CancellationToken.None);
        return ExitCodes.Ended;
    }
}
