using System.Globalization;
using HostService.Gateway;
using HostService.Gateway.Tls;
using HostService.Grains;
using HostService.GrainInterfaces.Fleet;
using HostService.Infrastructure.Fleet;
using HostService.Infrastructure.Linux;
using HostService.Infrastructure.Linux.Processes;
using HostService.Silo.Hosting;
using HostService.Silo.Lifecycle;
using HostService.Silo.Reporting;
using HostService.Silo.Startup;

namespace HostService.Silo.Fleet;

/// <summary>One control silo of a fleet, with its gateway.</summary>
internal static class FleetRun
{
    /// <summary>The default of <c>Gateway:Port</c> for a fleet, unlike a host's: both may be on one machine.</summary>
    public const int Port = 4680;

    /// <summary>Where a fleet's settings differ from a host's unless they are set.</summary>
    private static readonly Dictionary<string, string?> Defaults = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Gateway:Port"] = Port.ToString(CultureInfo.InvariantCulture),
        ["Orleans:SiloPort"] = "11121",
        ["Host:PrivateRoot"] = "/run/host-service-fleet",

        // Each host keeps one connection, with a request that goes on and on.
        ["Gateway:MaxConnections"] = "4096",
        ["Gateway:MaxRequests"] = "4096",
    };

    public static async Task<int> RunAsync(IConfigurationRoot settings, CancellationToken cancellationToken)
    {
        await using var app = Build(settings);
        if (ServiceConfiguration.EnvironmentWarning(settings) is { } warning)
        {
            await Console.Error.WriteLineAsync($"host-service: warning: {warning}");
        }

        await CheckDatabaseAsync(app.Configuration, cancellationToken);
        try
        {
            await StartAsync(app, cancellationToken);
            var port = ReadyLine.PortOf(app.Urls.First());
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"host-service fleet ready on https://localhost:{port}"));
            await app.WaitForShutdownAsync(cancellationToken);
            await Telemetry.FlushAsync(app.Services);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Stopped before it was ready.
        }
        catch (GatewayCertificateException exception)
        {
            throw new StartRefusedException(ExitCodes.Usage, exception.Message, exception);
        }

        return ExitCodes.Ended;
    }

    /// <summary>One after the other, to say whose port or address cannot be used.</summary>
    private static async Task StartAsync(WebApplication app, CancellationToken cancellationToken)
    {
        var services = app.Services;
        services.GetRequiredService<ExclusiveUse>().ClaimPorts();
        var gate = services.GetRequiredService<SiloGate>();
        await ListenErrors.ExplainAsync(
            gate.StartSiloAsync(app, cancellationToken),
            services.GetRequiredService<IOptions<OrleansOptions>>().Value,
            $"FleetSilo:Address is {services.GetRequiredService<IOptions<FleetSiloOptions>>().Value.IpAddress}");
        await ListenErrors.ExplainAsync(
            gate.StartServerAsync(cancellationToken), services.GetRequiredService<IOptions<GatewayOptions>>().Value);
    }

    /// <summary>Builds everything; nothing runs yet.</summary>
    /// <exception cref="StartRefusedException">Settings have faults; the message names them all.</exception>
    public static WebApplication Build(IConfigurationRoot settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(Defaults).AddConfiguration(settings).Build();
        var environment = ServiceConfiguration.EnvironmentOf(configuration);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "host-service" });
        builder.Configuration.AddConfiguration(configuration);
        builder.AddServiceLogging();
        builder.AddTelemetry();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<IHostLifetime, NoConsoleLifetime>();
        builder.Services.AddSingleton<IHostName, MachineName>();
        builder.Services.AddValidatedOptions<HostOptions>(HostOptions.Section);
        builder.Services.AddSingleton<ProcessClaims>().AddSingleton<ExclusiveUse>();
        builder.Services.AddFleetGrains();
        builder.AddSilo();
        builder.Services.AddSingleton<SiloGate>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<SiloGate>());
        builder.Services.AddHostedService<RolloutDriver>();
        builder.AddFleetGateway(environment);
        StartRefusedException.ThrowIfAny(ServiceConfiguration.Validate(configuration, builder.Services));
        var app = builder.Build();
        app.MapFleetGateway();
        return app;
    }

    /// <summary>Orleans' own words about tables that are missing would help nobody.</summary>
    private static async Task CheckDatabaseAsync(IConfiguration configuration, CancellationToken cancellationToken)
    {
        if (configuration.ReadOrDefaults<FleetDatabaseOptions>(FleetDatabaseOptions.Section).Npgsql() is not { } database)
        {
            return;
        }

        try
        {
            if (!await FleetSchema.IsThereAsync(database, cancellationToken))
            {
                throw new StartRefusedException(
                    ExitCodes.Refused, "The fleet's tables are not in its database; make them with 'host-service fleet init'.");
            }
        }
        catch (FleetDatabaseException exception)
        {
            throw new StartRefusedException(ExitCodes.Failed, exception.Message, exception);
        }
    }

    private static void AddSilo(this WebApplicationBuilder builder)
    {
        var orleans = builder.Configuration.ReadOrDefaults<OrleansOptions>("Orleans");
        var siloOptions = builder.Configuration.ReadOrDefaults<FleetSiloOptions>(FleetSiloOptions.Section);
        var database = builder.Configuration.ReadOrDefaults<FleetDatabaseOptions>(FleetDatabaseOptions.Section).Npgsql();
        builder.Services.AddValidatedOptions<OrleansOptions>("Orleans");
        builder.Services.AddValidatedOptions<FleetDatabaseOptions>(FleetDatabaseOptions.Section);
        builder.Services.AddValidatedOptions<FleetSiloOptions>(FleetSiloOptions.Section)
            .Validate(
                o => database is not null || o.Address.Length == 0,
                "FleetSilo:Address is set and FleetDatabase:ConnectionString is not: silos find each other by the database.");
        builder.UseOrleans(silo =>
        {
            silo.UseFleetGrains();
            silo.UseSteadyClock();
            if (database is null)
            {
                silo.UseLocalhostClustering(orleans.SiloPort, gatewayPort: 0);
                silo.AddMemoryGrainStorage(FleetStorage.Name);
            }
            else
            {
                silo.UseFleetDatabase(database).ListenAt(siloOptions, orleans.SiloPort);
            }
        });
    }

    private static void AddFleetGateway(this WebApplicationBuilder builder, HostEnvironment environment)
    {
        builder.Services.AddFleetGateway(environment);
        builder.Services.AddGatewayTls(builder.Configuration["Host:PrivateRoot"]!);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.ConfigureGatewayTls());
    }

    private sealed class MachineName : IHostName
    {
        public string InstanceName => Environment.MachineName;

        public IReadOnlyList<string> Addresses => [.. MachineAddresses.Read().Select(address => address.ToString())];
    }
}
