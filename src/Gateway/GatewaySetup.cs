using System.Text.Json.Serialization;
using HostService.Gateway.Authentication;
using HostService.Gateway.Limits;
using HostService.Gateway.Metrics;
using HostService.Gateway.Operator;
using HostService.Gateway.Wire;
using HostService.GrainInterfaces;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace HostService.Gateway;

/// <summary>Puts the gateway onto an ASP.NET host. It needs an <see cref="IGrainFactory"/>, and an <see cref="IShutdownSignal"/> for <c>drain_and_shutdown</c>.</summary>
public static class GatewaySetup
{
    /// <summary>Reads the sections Gateway, Auth and Ecs; their faults are reported when the host starts.</summary>
    public static IServiceCollection AddGateway(this IServiceCollection services, IConfiguration configuration, HostEnvironment environment)
    {
        services.AddOptions<GatewayOptions>().Bind(configuration.GetSection(GatewayOptions.Section)).ValidateOnStart();
        services.AddOptions<AuthOptions>().Bind(configuration.GetSection(AuthOptions.Section)).ValidateOnStart();
        services.AddOptions<EcsOptions>().Bind(configuration.GetSection(EcsOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<GatewayOptions>>(new Validation<GatewayOptions>(o => o.Validate()));
        services.AddSingleton<IValidateOptions<AuthOptions>>(new Validation<AuthOptions>(o => o.Validate()));
        services.AddSingleton<IValidateOptions<EcsOptions>>(new Validation<EcsOptions>(o => o.Validate()));

        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IHostName, ConfiguredHostName>();
        services.AddSingleton(new GatewayEnvironment(environment));
        services.AddSingleton<GrainCalls>();
        services.AddSingleton<MonitoringNetworks>();
        services.AddSingleton<TrustedNetworks>().AddSingleton<GatewayQuotas>().AddSingleton<IStartupFilter, RequestLimit>();
        services.AddHostedService<MemoryRelease>();
        services.AddSingleton<SigningKeys>().AddSingleton<TokenVerifier>().AddSingleton<FailureLimiter>().AddSingleton<Authenticator>();
        services.AddHttpClient(SigningKeys.ClientName, client => client.MaxResponseContentBufferSize = SigningKeys.LargestAnswer)
            // A redirect could lead from the issuer to anybody.
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
        services.AddRouting();
        services.AddMetrics();
        services.AddSingleton<MeterReadings>();
        // It hears what is measured from when it exists, which is to be before the first request: so it starts with the host.
        services.AddHostedService(provider => provider.GetRequiredService<MeterReadings>());
        services.AddWire();
        services.AddProblemDetails();
        services.ConfigureHttpJsonOptions(json => json.SerializerOptions.Converters.Add(new JsonStringEnumConverter()));
        services.AddGatewayOpenApi();
        return services;
    }

    /// <summary>Maps every endpoint of wire.md that the gateway serves. Another page of the operator's side is kept in by <see cref="OperatorAccess.RequireOperator"/>.</summary>
    public static void MapGateway(this IEndpointRouteBuilder routes)
    {
        routes.MapWire();
        routes.MapMonitoring();
        routes.MapOperator();
        routes.MapOpenApi("/openapi/{documentName}.json");
    }

    private sealed class Validation<TOptions>(Func<TOptions, IEnumerable<string>> faults) : IValidateOptions<TOptions>
        where TOptions : class
    {
        public ValidateOptionsResult Validate(string? name, TOptions options)
        {
            var found = faults(options).ToList();
            return found.Count > 0 ? ValidateOptionsResult.Fail(found) : ValidateOptionsResult.Success;
        }
    }
}
