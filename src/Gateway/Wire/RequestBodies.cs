using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace HostService.Gateway.Wire;

/// <summary>
/// Tells the OpenAPI document what the wire's bodies look like. (The usual way, to declare what an endpoint accepts, would also make the server
/// refuse callers that send no content type.)
/// </summary>
internal static class RequestBodies
{
    public static async Task Describe<TBody>(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var schema = await context.GetOrCreateSchemaAsync(typeof(TBody), null, cancellationToken);
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal) { ["application/json"] = new OpenApiMediaType { Schema = schema } },
        };
    }
}
