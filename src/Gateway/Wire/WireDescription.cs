using HostService.Gateway.Operator;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace HostService.Gateway.Wire;

/// <summary>
/// Describes the bodies and who may send them in the OpenAPI document. Accepts metadata would refuse callers that send no content type.
/// </summary>
internal static class WireDescription
{
    public static async Task Describe<TBody>(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var document = context.Document!;
        document.AddComponent(typeof(TBody).Name, await context.GetOrCreateSchemaAsync(typeof(TBody), null, cancellationToken));
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal)
            {
                ["application/json"] = new OpenApiMediaType { Schema = new OpenApiSchemaReference(typeof(TBody).Name, document) },
            },
        };
        operation.Security = [ApiDocument.Needs(
            typeof(TBody).IsAssignableTo(typeof(SpinUpBody)) ? ApiDocument.UserInBody : ApiDocument.BackendInBody, document)];
    }
}
