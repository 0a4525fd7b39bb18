using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace HostService.Gateway.Operator;

/// <summary><c>/openapi/v1.json</c>.</summary>
internal static class ApiDocument
{
    public static void AddGatewayOpenApi(this IServiceCollection services) => services.AddOpenApi("v1", options =>
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "Host service",
                Version = "v1",
                Description =
                    "Runs mandelboxes on this host. The operator's API (/v1) is open to loopback, and to the backend's credential as a "
                    + "bearer token; health and metrics are also open to Gateway:MonitoringNetworks.",
            };
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal);
            document.Components.SecuritySchemes["backend"] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description = "A token whose scope holds backend, or the shared secret.",
            };
            var needed = new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("backend", document)] = [] };
            foreach (var (_, item) in document.Paths.Where(p => p.Key.StartsWith("/v1/", StringComparison.Ordinal)))
            {
                foreach (var (_, operation) in item.Operations!)
                {
                    (operation.Security ??= []).Add(needed);
                }
            }

            return Task.CompletedTask;
        }));
}
