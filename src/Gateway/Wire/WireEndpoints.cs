using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace HostService.Gateway.Wire;

/// <summary>The six endpoints that existing callers know.</summary>
internal static partial class WireEndpoints
{
    private const string Tag = "Wire";

    public static IServiceCollection AddWire(this IServiceCollection services) => services
        .AddSingleton<WireReader>()
        .AddSingleton<BackendGate>()
        .AddSingleton<IWireHandler<SpinUpBody>, SpinUpMandelbox>()
        .AddSingleton<IWireHandler<BackendBody>, DrainAndShutdown>()
        .AddSingleton<IWireHandler<SetContainerDpiBody>, SetContainerDpi>()
        .AddSingleton<IWireHandler<MountCloudStorageBody>, MountCloudStorage>()
        .AddSingleton<IWireHandler<RegisterDockerContainerIdBody>, RegisterDockerContainerId>()
        .AddSingleton<IWireHandler<CreateUinputDevicesBody>, CreateUinputDevices>();

    public static void MapWire(this IEndpointRouteBuilder routes)
    {
        Map<SpinUpBody, SpinUpResult>(routes, "PUT", "/spin_up_mandelbox", "Brings a mandelbox up for a user.");
        Map<BackendBody, string>(routes, "POST", "/drain_and_shutdown", "Drains the host, cleans up and shuts down; answers at once.");
        Map<SetContainerDpiBody, string>(routes, "PUT", "/set_container_dpi", "Sets the dots per inch of the mandelbox behind a host port.");
        Map<MountCloudStorageBody, string>(routes, "POST", "/mount_cloud_storage", "Mounts a cloud drive into the mandelbox behind a host port.");
        Map<RegisterDockerContainerIdBody, string>(routes, "POST", "/register_docker_container_id", "ECS mode: which container belongs to which mandelbox.");
        Map<CreateUinputDevicesBody, string>(routes, "POST", "/create_uinput_devices", "ECS mode: input devices for a container to come; the result is a JSON text.");
    }

    private static void Map<TBody, TResult>(IEndpointRouteBuilder routes, string method, string path, string summary)
        where TBody : class
    {
        routes.MapMethods(path, [method], (Delegate)((HttpContext context) => HandleAsync<TBody>(path, context)))
            .WithTags(Tag).WithName(path[1..]).WithSummary(summary)
            .Produces<WireResult<TResult>>()
            .Produces<string>(StatusCodes.Status400BadRequest, "text/plain")
            .Produces<string>(StatusCodes.Status401Unauthorized, "text/plain")
            .Produces<WireRefusal>(StatusCodes.Status406NotAcceptable)
            .Produces(StatusCodes.Status413PayloadTooLarge)
            .Produces(StatusCodes.Status503ServiceUnavailable)
            .AddOpenApiOperationTransformer(RequestBodies.Describe<TBody>);

        routes.Map(path, (HttpContext context) => IsExactly(path, context) ? WireResult.OtherMethod(method, context.Request.Method) : Results.NotFound())
            .ExcludeFromDescription();
    }

    private static async Task<IResult> HandleAsync<TBody>(string path, HttpContext context)
        where TBody : class
    {
        if (!IsExactly(path, context))
            return Results.NotFound();
        try
        {
            var (body, fault) = await context.RequestServices.GetRequiredService<WireReader>().ReadAsync<TBody>(context);
            return body is null ? fault! : await context.RequestServices.GetRequiredService<IWireHandler<TBody>>().HandleAsync(body, context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            return Results.StatusCode(StatusCodes.Status499ClientClosedRequest);
        }
        catch (TimeoutException exception)
        {
            Failed(Logger(context), exception, path, context.TraceIdentifier);
            return WireResult.Refused("the host did not finish this in time");
        }
        catch (Exception exception)
        {
            // The boundary: callers know no 500. What happened is in the log under the id that they are told.
            Failed(Logger(context), exception, path, context.TraceIdentifier);
            return WireResult.Refused($"the host failed at this; its log has the cause under {context.TraceIdentifier}");
        }
    }

    /// <summary>Routing is lenient about case and a slash at the end; the wire is not.</summary>
    private static bool IsExactly(string path, HttpContext context) => string.Equals(context.Request.Path.Value, path, StringComparison.Ordinal);

    private static ILogger Logger(HttpContext context) =>
        context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger("HostService.Gateway.Wire");

    [LoggerMessage(Level = LogLevel.Error, Message = "{Path} failed ({TraceId})")]
    private static partial void Failed(ILogger logger, Exception exception, string path, string traceId);
}
