using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace HostService.Gateway.Wire;

/// <summary>Describes the bodies in the OpenAPI document. Accepts metadata would refuse callers that send no content type.</summary>
internal static class RequestBodies
{
    public static async Task Describe<TBody>(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var schema = await context.GetOrCreateSchemaAsync(typeof(TBody), null, cancellationToken);
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal)
            {
                ["application/json"] = new OpenApiMediaType { Schema = schema },
            },
        };
    }
}
