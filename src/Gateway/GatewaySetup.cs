using Microsoft.Extensions.DependencyInjection.Extensions;
using System.Text.Json.Serialization;
using HostService.Gateway.Authentication;
using HostService.Gateway.Fleet;
using HostService.Gateway.Limits;
using HostService.Gateway.Metrics;
using HostService.Gateway.Operator;
using HostService.Gateway.Ops;
using HostService.Gateway.Tls;
using HostService.Gateway.Wire;
using HostService.GrainInterfaces.Fleet;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Gateway;

/// <summary>Needs <see cref="IGrainFactory"/>, <see cref="IShutdownSignal"/> and <see cref="IHostName"/> from its host.</summary>
public static class GatewaySetup
{
    /// <summary>Of a host. Binds the sections Gateway, Auth and Ecs.</summary>
    public static IServiceCollection AddGateway(this IServiceCollection services, HostEnvironment environment)
    {
        services.AddCommon(environment);
        services.AddGatewayOpenApi("Host service", "Runs mandelboxes on this host.");
        services.AddValidatedOptions<EcsOptions>(EcsOptions.Section);
        services.AddSingleton<HostMetrics>().AddSingleton<IRefreshedMetrics>(provider => provider.GetRequiredService<HostMetrics>());
        services.AddSingleton<EventFeed>();
        services.AddSingleton<OpsPage>();
        return services;
    }

    /// <summary>Of a fleet. Binds the sections Gateway, Auth and FleetGateway.</summary>
    public static IServiceCollection AddFleetGateway(this IServiceCollection services, HostEnvironment environment)
    {
        services.AddCommon(environment);
        services.AddGatewayOpenApi("Host service fleet", "Places mandelboxes on the hosts of a fleet.");
        services.AddValidatedOptions<FleetGatewayOptions>(FleetGatewayOptions.Section);
        services.AddSingleton<HostCertificates>();
        services.AddSingleton<FleetPage>();
        services.AddSingleton<FleetMetrics>().AddSingleton<IRefreshedMetrics>(provider => provider.GetRequiredService<FleetMetrics>());
        services.AddSignalR(signalR =>
            {
                // A host that is cut off is known to be away after this time, and its own relay looks for another way.
                signalR.KeepAliveInterval = RelayProtocol.KeepAlive;
                signalR.ClientTimeoutInterval = RelayProtocol.Silence;
                signalR.MaximumReceiveMessageSize = RelayProtocol.LargestMessage;
            })
            .AddJsonProtocol(json => RelayProtocol.Configure(json.PayloadSerializerOptions));
        return services;
    }

    /// <summary>Maps every endpoint of a fleet.</summary>
    public static void MapFleetGateway(this IEndpointRouteBuilder routes)
    {
        _ = routes.ServiceProvider.GetRequiredService<Authenticator>();
        var described = routes.MapGroup("").WithGroupName(ApiDocument.Name);
        described.MapFleetSpinUp();
        described.MapFleetOperator();
        described.MapMonitoring("fleet", "Whether the fleet's grain answers.", async grains =>
        {
            await grains.WithProbeTimeout(grains.Fleet.ListHosts());
            return [];
        });
        routes.MapFleetOps();
        routes.MapHub<HostHub>(RelayProtocol.Path).RequireHost();
        routes.MapOpenApi("/openapi/{documentName}.json");
    }

    private static void AddCommon(this IServiceCollection services, HostEnvironment environment)
    {
        services.AddValidatedOptions<GatewayOptions>(GatewayOptions.Section);
        services.AddSingleton<IValidateOptions<GatewayOptions>, CertificateCheck>();
        services.AddValidatedOptions<AuthOptions>(AuthOptions.Section);

        services.TryAddSingleton(new RunningEnvironment(environment));
        services.AddSingleton<GrainCalls>();
        services.AddSingleton<MonitoringNetworks>();
        services.AddSingleton<TrustedNetworks>().AddSingleton<GatewayQuotas>().AddSingleton<IStartupFilter, RequestLimit>();
        services.AddSingleton<IStartupFilter, HeadRequests>();
        services.AddHostedService<MemoryRelease>();
        services.AddSingleton<IssuerProbe>();
        services.AddSingleton<SigningKeys>().AddSingleton<TokenVerifier>().AddSingleton<FailureLimiter>().AddSingleton<Authenticator>();
        services.AddSingleton<BrowserGuard>();
        services.AddHttpClient(SigningKeys.ClientName, client => client.MaxResponseContentBufferSize = SigningKeys.LargestAnswer)
            // The keys must come from the issuer, not from where it redirects.
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
        services.AddRouting();
        services.AddGatewayMetrics();
        services.AddSingleton<WireReader>();
        services.AddProblemDetails();
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.Converters.Add(new JsonStringEnumConverter());

            // ASP.NET's default would read numbers from strings too, and the OpenAPI document would say so of every number.
            json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
        });
    }

    /// <summary>Maps every endpoint. The host's own operator pages need <see cref="OperatorAccess.RequireOperator"/>.</summary>
    public static void MapGateway(this IEndpointRouteBuilder routes)
    {
        // Its counter begins at 0 with the service, not with the first credential.
        _ = routes.ServiceProvider.GetRequiredService<Authenticator>();
        var described = routes.MapGroup("").WithGroupName(ApiDocument.Name);
        described.MapWire();
        described.MapMonitoring(
            "host",
            "Whether work can be taken: registered, engine reachable, not draining.",
            async grains => Readiness.Reasons(await grains.WithProbeTimeout(grains.Host.Describe())));
        described.MapOperator();
        routes.MapOps();
        routes.MapOpenApi("/openapi/{documentName}.json");
    }
}
