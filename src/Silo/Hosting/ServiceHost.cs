using HostService.Gateway;
using HostService.Gateway.Operator;
using HostService.Gateway.Tls;
using HostService.Grains;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Aws;
using HostService.Infrastructure.Backend;
using HostService.Infrastructure.Backend.Webserver;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Gpu;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Linux;
using HostService.Infrastructure.Linux.Firewall;
using HostService.Infrastructure.Linux.Processes;
using HostService.Infrastructure.Metrics;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Silo.Background;
using HostService.Silo.Doctor;
using HostService.Silo.Fleet;
using HostService.Silo.Lifecycle;
using HostService.Silo.Reporting;
using HostService.Silo.Startup;
using Orleans.Configuration;
using Orleans.Dashboard;

namespace HostService.Silo.Hosting;

/// <summary>Puts silo and gateway together in one process.</summary>
public static class ServiceHost
{
    /// <summary>Builds everything; nothing runs yet.</summary>
    /// <param name="replace">Replaces services, for tests.</param>
    /// <exception cref="StartRefusedException">Settings have faults; the message names them all.</exception>
    public static WebApplication Build(
        IConfigurationRoot configuration, ShutdownSignal shutdown, Action<IServiceCollection>? replace = null)
    {
        var environment = ServiceConfiguration.EnvironmentOf(configuration);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "host-service" });
        builder.Host.UseDefaultServiceProvider(o => o.ValidateOnBuild = true);
        builder.AddCommon(configuration, shutdown, environment);
        builder.AddTelemetry();
        builder.Services.AddSingleton<IValidateOptions<MandelboxOptions>, TimeoutNesting>();
        builder.AddSilo(environment);
        builder.AddServiceGateway(environment);
        replace?.Invoke(builder.Services);

        StartRefusedException.ThrowIfAny(ServiceConfiguration.Validate(configuration, builder.Services));
        var app = builder.Build();
        app.MapGateway();
        if (app.Services.GetRequiredService<IOptions<DashboardOptions>>().Value.EnabledIn(environment))
        {
            app.MapOrleansDashboard(routePrefix: "/dashboard").RequireOperator();
        }

        return app;
    }

    /// <summary>
    /// Builds what reaches the machine and the backend, without silo and gateway, which take most of the time of a start. Settings are not
    /// checked: a run that was killed has checked them.
    /// </summary>
    public static IHost BuildWithoutSilo(IConfigurationRoot configuration, ShutdownSignal shutdown)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ApplicationName = "host-service" });
        builder.AddCommon(configuration, shutdown, ServiceConfiguration.EnvironmentOf(configuration));
        return builder.Build();
    }

    private static void AddCommon(
        this IHostApplicationBuilder builder, IConfigurationRoot configuration, ShutdownSignal shutdown, HostEnvironment environment)
    {
        builder.Configuration.AddConfiguration(configuration);
        builder.AddServiceLogging();
        builder.Services.AddSingleton(new RunningEnvironment(environment));
        builder.AddInfrastructure(environment);
        builder.Services.AddMandelboxes();
        builder.AddLifecycle(shutdown);
        builder.Services.AddSingleton<IHostName, HostNameFromInfo>();
    }

    private static void AddInfrastructure(this IHostApplicationBuilder builder, HostEnvironment environment)
    {
        var services = builder.Services;
        var configuration = builder.Configuration;
        services.AddSingleton(TimeProvider.System);
        services.AddValidatedOptions<HostOptions>(HostOptions.Section);
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
        services.AddBackendDatabase(environment.HasDatabase);
        services.AddWebserver(provider => provider.GetRequiredService<MetricsCache>().WebserverFacts());
        services.AddUserConfigs(onByDefault: environment.IsDeployed);
        services.AddCloudStorage();
        if (configuration.ReadOrDefaults<HostOptions>("Host").ManageSystem)
        {
            services.AddFirewall();
        }
        else
        {
            services.AddSingleton<IFirewall, NoFirewall>();
        }
    }

    private static void AddSilo(this WebApplicationBuilder builder, HostEnvironment environment)
    {
        var dashboard = builder.Configuration.ReadOrDefaults<DashboardOptions>("Dashboard");
        var orleans = builder.Configuration.ReadOrDefaults<OrleansOptions>("Orleans");
        builder.Services.AddValidatedOptions<OrleansOptions>("Orleans");
        builder.Services.AddOptions<DashboardOptions>().BindConfiguration("Dashboard");
        builder.UseOrleans(silo =>
        {
            // Listens on loopback only; a gateway port of 0 is not opened.
            silo.UseLocalhostClustering(orleans.SiloPort, orleans.ExternalClients ? orleans.GatewayPort : 0);

            silo.UseHostGrains();
            silo.UseSteadyClock();
            silo.Configure<GrainCollectionOptions>(o =>
            {
                // The grain of a mandelbox that has gone takes some KB until it is collected.
                o.CollectionQuantum = TimeSpan.FromSeconds(5);
                o.ClassSpecificCollectionAge[typeof(MandelboxGrain).FullName!] = TimeSpan.FromSeconds(10);
            });
            // One silo knows its own activations; a cache would keep the ids of mandelboxes that ended long ago.
            silo.Configure<GrainDirectoryOptions>(o =>
            {
                o.CachingStrategy = GrainDirectoryOptions.CachingStrategyType.None;

                // Orleans reserves the memory all the same, by default for a million grains.
                o.CacheSize = 1000;
            });
            if (dashboard.EnabledIn(environment))
            {
                silo.AddDashboard();
            }
        });

        // Its place among the hosted services is between the silo's and the HTTPS server's.
        builder.Services.AddSingleton<SiloGate>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<SiloGate>());
    }

    private static void AddLifecycle(this IHostApplicationBuilder builder, ShutdownSignal shutdown)
    {
        var services = builder.Services;
        services.AddValidatedOptions<ShutdownOptions>("Shutdown");
        services.AddSingleton(shutdown);
        services.AddSingleton<IShutdownSignal>(shutdown);
        services.AddSingleton<IShutdownControl>(shutdown);
        services.AddSingleton<IHostLifetime, NoConsoleLifetime>();

        // What HostLifecycle starts and stops.
        services.AddSingleton<ProcessClaims>();
        services.AddSingleton<ExclusiveUse>();
        services.AddSingleton<Preconditions>();
        services.AddSingleton<Leftovers>();
        services.AddSingleton<HostIdentityProvider>();
        services.AddSingleton<HostCapabilities>();
        services.AddSingleton<EngineStartup>();
        services.AddSingleton<ThrowAwayMandelbox>();
        services.AddSingleton<WarmUp>();
        services.AddSingleton<SpinUpProbe>();
        services.AddSingleton<Registration>();
        services.AddSingleton<EcsAgent>();
        services.AddSingleton<ReadyLine>();
        services.AddSingleton<MetricsCache>();
        services.AddSingleton<DaemonReloadMonitor>();
        services.AddSingleton<FirewallMonitor>();
        services.AddSingleton<DiskMonitor>();
        services.AddSingleton<HeartbeatMonitor>();
        services.AddSingleton<ConsistencyMonitor>();
        services.AddSingleton<TelemetryCollector>();
        services.AddSingleton<MachineChecks>();
        services.AddSingleton<IDoctor, HostDoctor>();
        services.AddSingleton<LagMeter>();
        services.AddSingleton<HostReporter>();
        services.AddSingleton<NoticeMonitor>();
        services.AddSingleton<EngineEventLoop>();
        services.AddSingleton<WebserverHeartbeat>();
        services.AddSingleton<MandelboxDrain>();
        services.AddSingleton<MandelboxShutdown>();
        services.AddWatchdogProbe(
            "grain calls", (provider, token) => provider.GetRequiredService<HostReporter>().ProveProgressAsync(token));
    }

    /// <summary>The HTTPS server and what it serves.</summary>
    internal static void AddServiceGateway(this WebApplicationBuilder builder, HostEnvironment environment)
    {
        builder.Services.AddGateway(environment);
        var privateRoot = builder.Configuration["Host:PrivateRoot"] ?? new HostOptions().PrivateRoot;
        builder.Services.AddGatewayTls(privateRoot);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.ConfigureGatewayTls());
        builder.Services.AddRouting();
    }
}
