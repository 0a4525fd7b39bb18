using HostService.Gateway;
using HostService.GrainInterfaces;
using HostService.Grains;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Aws;
using HostService.Infrastructure.Backend;
using HostService.Infrastructure.Backend.Webserver;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Gpu;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Linux.AppArmor;
using HostService.Infrastructure.Linux.Firewall;
using HostService.Infrastructure.Linux.Power;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Infrastructure.Metrics;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Silo.Background;
using HostService.Silo.Reporting;
using HostService.Silo.Shutdown;
using HostService.Silo.Startup;
using Orleans.Dashboard;

namespace HostService.Silo.Hosting;

/// <summary>Puts silo and gateway together in one process.</summary>
public static class ServiceHost
{
    /// <summary>Builds everything; nothing runs yet.</summary>
    /// <exception cref="StartRefusedException">Settings have faults; the message names them all.</exception>
    public static WebApplication Build(IConfigurationRoot configuration)
    {
        var environment = ServiceConfiguration.EnvironmentOf(configuration);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "host-service" });
        builder.Configuration.AddConfiguration(configuration);
        builder.Host.UseDefaultServiceProvider(o => o.ValidateOnBuild = true);

        builder.AddServiceLogging();
        builder.AddInfrastructure(environment);
        builder.Services.AddMandelboxes();
        builder.Services.AddSingleton<Microsoft.Extensions.Options.IValidateOptions<MandelboxOptions>, TimeoutNesting>();
        builder.AddSilo(environment);
        builder.AddStartUpAndWayOut(environment);
        builder.Services.AddSingleton<IHostName, HostNameFromInfo>();
        builder.AddServiceGateway(environment);

        List<string> faults = [.. OptionsCheck.Validate(builder.Services), .. UnsupportedSettings.Validate(configuration)];
        if (faults.Count > 0)
        {
            throw new StartRefusedException(ExitCodes.Usage, $"The configuration has {faults.Count} fault{(faults.Count == 1 ? "" : "s")}:\n{string.Join('\n', faults.Select(f => $"  {f}"))}");
        }

        var app = builder.Build();
        app.MapGateway();
        if (app.Services.GetRequiredService<Microsoft.Extensions.Options.IOptions<DashboardOptions>>().Value.EnabledIn(environment))
        {
            app.MapOrleansDashboard(routePrefix: "/dashboard").RequireOperator();
        }

        return app;
    }

    private static void AddInfrastructure(this WebApplicationBuilder builder, HostEnvironment environment)
    {
        var services = builder.Services;
        var configuration = builder.Configuration;
        services.AddSingleton(TimeProvider.System);
        services.AddChecked<HostOptions>(HostOptions.Section, o => o.Validate());
        services.AddSingleton<HostDirectories>();
        services.AddSingleton<IMandelboxFiles, MandelboxFiles>();
        services.AddSingleton<Infrastructure.Linux.Network.IPortProbe, Infrastructure.Linux.Network.PortProbe>();
        services.AddDockerEngine();
        services.AddGpus();
        services.AddInputDevices();
        services.AddAppArmor();
        services.AddMachineMetrics();
        services.AddEc2InstanceMetadata();
        services.AddSystemd();
        services.AddBackendDatabase(configuration, environment.HasDatabase);
        services.AddWebserver(configuration, provider => provider.GetRequiredService<MetricsCache>().WebserverFacts());
        services.AddUserConfigs(configuration, onByDefault: environment.IsDeployed);
        services.AddCloudStorage(configuration);
        if (configuration.ReadOrDefaults<HostOptions>("Host").ManageSystem)
        {
            services.AddSingleton<IPower, SystemPower>();
            services.AddFirewall();
        }
        else
        {
            services.AddSingleton<IPower, NoPower>();
            services.AddSingleton<IFirewall, NoFirewall>();
        }
    }

    private static void AddSilo(this WebApplicationBuilder builder, HostEnvironment environment)
    {
        var dashboard = builder.Configuration.ReadOrDefaults<DashboardOptions>("Dashboard");
        var orleans = builder.Configuration.ReadOrDefaults<OrleansOptions>("Orleans");
        builder.Services.AddChecked<OrleansOptions>("Orleans", o => o.Validate());
        builder.Services.AddChecked<DashboardOptions>("Dashboard", _ => []);
        builder.UseOrleans(silo =>
        {
            // Listens on loopback only; a gateway port of 0 is not opened.
            silo.UseLocalhostClustering(orleans.SiloPort, orleans.ExternalClients ? orleans.GatewayPort : 0);
            if (dashboard.EnabledIn(environment))
            {
                silo.AddDashboard();
            }
        });
    }

    private static void AddStartUpAndWayOut(this WebApplicationBuilder builder, HostEnvironment environment)
    {
        var services = builder.Services;
        services.AddSingleton(new RunningEnvironment(environment));
        services.AddChecked<ShutdownOptions>("Shutdown", o => o.Validate());
        services.AddSingleton<StartedParts>();
        services.AddSingleton<WayOutRequest>();
        services.AddSingleton<IShutdownTrigger>(provider => provider.GetRequiredService<WayOutRequest>());
        services.AddSingleton<Grains.IServiceEnd>(provider => provider.GetRequiredService<WayOutRequest>());
        services.AddSingleton<WayOut>();
        services.AddSingleton<MetricsCache>();
        services.AddSingleton<DaemonReloadMonitor>();
        services.AddSingleton<FirewallMonitor>();
        services.AddSingleton<BackgroundParts>();
        services.AddSingleton<Leftovers>();
        services.AddSingleton<HostIdentityProvider>();
        services.AddSingleton<HostCapabilities>();
        services.AddSingleton<Engine>();
        services.AddSingleton<WarmUp>();
        services.AddSingleton<Registration>();
        services.AddSingleton<StartUp>();
        services.AddHostedService<GoLive>();
        services.AddHostedService<EcsAgent>();
        services.AddWatchdogProbe("grain calls", (provider, cancellationToken) => provider.GetRequiredService<BackgroundParts>().ProveProgressAsync(cancellationToken));
    }

    /// <summary>The HTTPS server and what it serves.</summary>
    internal static void AddServiceGateway(this WebApplicationBuilder builder, HostEnvironment environment)
    {
        builder.Services.AddGateway(builder.Configuration, environment);
        var privateRoot = builder.Configuration["Host:PrivateRoot"] ?? new HostOptions().PrivateRoot;
        builder.Services.AddGatewayTls(privateRoot);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.ConfigureGatewayTls());
        builder.Services.AddRouting();
    }
}
