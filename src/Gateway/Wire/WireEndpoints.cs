using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace HostService.Gateway.Wire;

/// <summary>The endpoints that existing callers know.</summary>
internal static class WireEndpoints
{
    public static void MapWire(this IEndpointRouteBuilder routes)
    {
        routes.MapSpinUp();
        routes.MapDrain();
        routes.MapHostPortCalls();
        routes.MapEcs();
    }

    /// <summary>Maps a path. The handler's first parameter is a <see cref="WireRequest{TBody}"/>.</summary>
    public static void MapWire<TBody, TAnswer>(
        this IEndpointRouteBuilder routes, string method, string path, string summary, Delegate handler)
        where TBody : class
    {
        routes.MapMethods(path, [method], handler)
            .AddEndpointFilter<RouteHandlerBuilder, WireFilter<TBody>>()
            .WithTags("Wire").WithName(path[1..]).WithSummary(summary)
            .Produces<TAnswer>()
            .Produces<string>(StatusCodes.Status400BadRequest, "text/plain")
            .Produces<string>(StatusCodes.Status401Unauthorized, "text/plain")
            .ProducesProblem(StatusCodes.Status403Forbidden)
            .Produces<WireRefusal>(StatusCodes.Status406NotAcceptable)
            .Produces(StatusCodes.Status413PayloadTooLarge)
            .Produces(StatusCodes.Status503ServiceUnavailable)
            .AddOpenApiOperationTransformer(WireDescription.Describe<TBody>);

        routes.Map(
            path, (HttpContext context) => IsExact(context) ? WireResult.OtherMethod(method, context.Request.Method) : Results.NotFound())
            .ExcludeFromDescription();
    }

    /// <summary>Routing ignores case and a slash at the end; the contract does not.</summary>
    public static bool IsExact(HttpContext context) =>
        (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText == context.Request.Path.Value;
}
