using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace HostService.Gateway.Operator;

/// <summary><c>/openapi/v1.json</c>: the endpoints of the group <see cref="Name"/>; those of the Orleans dashboard are not in it.</summary>
internal static class ApiDocument
{
    public const string Name = "v1";

    // The security schemes. OpenAPI knows none for a token in a body; the descriptions say where it goes.
    public const string UserInBody = "user";
    public const string BackendInBody = "backendInBody";
    private const string Backend = "backend";

    /// <param name="title">Of what it describes.</param>
    /// <param name="purpose">What that does, in a sentence.</param>
    public static void AddGatewayOpenApi(this IServiceCollection services, string title, string purpose) => services.AddOpenApi(
        Name,
        options =>
        {
            options.ShouldInclude = endpoint => endpoint.GroupName == Name;
            options.AddSchemaTransformer((schema, context, _) =>
            {
                DescribeSchema(schema, context.JsonTypeInfo, context.JsonPropertyInfo);
                return Task.CompletedTask;
            });
            options.AddDocumentTransformer((document, _, _) =>
            {
                DescribeDocument(document, title, purpose);
                return Task.CompletedTask;
            });
        });

    /// <summary>That a request has the credential of one of the security schemes.</summary>
    public static OpenApiSecurityRequirement Needs(string scheme, OpenApiDocument document) =>
        new() { [new OpenApiSecuritySchemeReference(scheme, document)] = [] };

    /// <summary>Describes a number in the query, which the handler reads as text: so it can say what is wrong with it.</summary>
    public static RouteHandlerBuilder DescribeNumber(
        this RouteHandlerBuilder builder, string name, int otherwise, int most, string meaning) =>
        builder.DescribeQuery(name, meaning, new OpenApiSchema
        {
            Type = JsonSchemaType.Integer,
            Format = "int32",
            Minimum = "1",
            Maximum = most.ToString(CultureInfo.InvariantCulture),
            Default = otherwise,
        });

    /// <summary>As <see cref="DescribeNumber"/>, for a switch that is off where it is not given.</summary>
    public static RouteHandlerBuilder DescribeSwitch(this RouteHandlerBuilder builder, string name, string meaning) =>
        builder.DescribeQuery(name, meaning, new OpenApiSchema { Type = JsonSchemaType.Boolean, Default = false });

    private static RouteHandlerBuilder DescribeQuery(this RouteHandlerBuilder builder, string name, string meaning, OpenApiSchema schema) =>
        builder.AddOpenApiOperationTransformer((operation, _, _) =>
        {
            var parameter = operation.Parameters!.OfType<OpenApiParameter>().Single(p => p.Name == name);
            (parameter.Description, parameter.Schema) = (meaning, schema);
            return Task.CompletedTask;
        });

    /// <summary>Requires what is never null, and gives enumerations a type.</summary>
    private static void DescribeSchema(OpenApiSchema schema, JsonTypeInfo type, JsonPropertyInfo? property)
    {
        foreach (var always in type.Properties.Where(p => !p.IsGetNullable && schema.Properties?.ContainsKey(p.Name) == true))
        {
            (schema.Required ??= new HashSet<string>(StringComparer.Ordinal)).Add(always.Name);
        }

        if (property?.AttributeProvider?.IsDefined(typeof(RequiredAttribute), inherit: true) == true)
        {
            schema.Type &= ~JsonSchemaType.Null;
        }

        if ((Nullable.GetUnderlyingType(type.Type) ?? type.Type).IsEnum)
        {
            // Where it may be null, the property says so: this is the one schema of all its properties.
            schema.Type = JsonSchemaType.String;
            schema.Enum = [.. schema.Enum!.Where(value => value is not null && !value.IsJsonNullSentinel())];
        }
    }

    private static void DescribeDocument(OpenApiDocument document, string title, string purpose)
    {
        document.Info = new OpenApiInfo
        {
            Title = title,
            Version = typeof(ApiDocument).Assembly.GetName().Version!.ToString(3),
            Description =
                $"{purpose} The operator's API (/v1) is open to loopback, and to the backend's credential as a "
                + "bearer token; health and metrics are also open to Gateway:MonitoringNetworks. The callers of the wire send their "
                + "credential as a field of the body. Where a limit on requests is reached, every path answers 503 without a body.",
        };
        AddScheme(
            document, UserInBody, "The user's token, as the field jwt_access_token of the body. Not looked at in local environments.");
        AddScheme(
            document, BackendInBody,
            "A token whose scope holds backend, or the shared secret, as the field auth_secret of the body. Not needed from loopback in "
            + "local environments where neither Auth:SharedSecret nor Auth:Issuer is set.");
        AddScheme(
            document, Backend,
            "A token whose scope holds backend, or the shared secret, in the header Authorization. Not needed from loopback, nor for "
            + "health and metrics from Gateway:MonitoringNetworks.");
        foreach (var operation in document.Paths.SelectMany(path => path.Value.Operations!.Values))
        {
            // The wire has said it.
            operation.Security ??= [Needs(Backend, document)];
            foreach (var id in operation.Parameters?.OfType<OpenApiParameter>().Where(p => p.In == ParameterLocation.Path) ?? [])
            {
                id.Description = "The mandelbox id.";
            }
        }
    }

    private static void AddScheme(OpenApiDocument document, string name, string description) =>
        document.AddComponent(name, new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http,
            Scheme = "bearer",
            Description = description,
        });
}
