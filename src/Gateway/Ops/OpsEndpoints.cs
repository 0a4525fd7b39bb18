using HostService.Gateway.Operator;
using HostService.GrainInterfaces.Fleet;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Html;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Gateway.Ops;

/// <summary><c>/ops</c>: the host and its mandelboxes on a page, for operators.</summary>
internal static partial class OpsEndpoints
{
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
        + "form-action 'self'; frame-ancestors 'none'";

    public static void MapOps(this IEndpointRouteBuilder routes)
    {
        var ops = routes.MapOpsGroup();
        ops.MapGet("", HostAsync);
        ops.MapGet("/mandelboxes/{id}", MandelboxAsync);
    }

    /// <summary>A fleet's page.</summary>
    public static void MapFleetOps(this IEndpointRouteBuilder routes) => routes.MapOpsGroup().MapGet("", FleetAsync);

    private static RouteGroupBuilder MapOpsGroup(this IEndpointRouteBuilder routes)
    {
        var ops = routes.MapGroup("/ops").RequireOperator().AddEndpointFilter(AddHeadersAsync).ExcludeFromDescription();
        foreach (var file in OpsFile.All)
        {
            ops.MapGet($"/{file.Name}", file.Answer);
        }

        return ops;
    }

    private static ValueTask<object?> AddHeadersAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var headers = context.HttpContext.Response.Headers;
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";

        // The pages have user ids.
        headers.CacheControl = "no-store";
        return next(context);
    }

    private static async Task<IResult> HostAsync(HttpContext context, GrainCalls grains, OpsPage page, EndpointDataSource endpoints)
    {
        try
        {
            var host = grains.WithProbeTimeout(grains.Host.Describe());
            var mandelboxes = grains.WithProbeTimeout(grains.Host.ListMandelboxes());
            await Task.WhenAll(host, mandelboxes);
            return Page(page.OfHost(await host, await mandelboxes, HasDashboard(endpoints)));
        }
        catch (Exception exception)
        {
            // An operator needs the page most when the host is unwell. Its script asks again.
            LogUnanswered(Logger(context), exception, context.Request.Path);
            return Page(page.OfSilentHost(HasDashboard(endpoints)), StatusCodes.Status503ServiceUnavailable);
        }
    }

    private static async Task<IResult> MandelboxAsync(HttpContext context, string id, GrainCalls grains, OpsPage page)
    {
        if (!DiagnosticsEndpoints.IsKnown(id))
        {
            return Page(page.OfNoMandelbox(id), StatusCodes.Status404NotFound);
        }

        try
        {
            var mandelbox = await grains.WithProbeTimeout(grains.Mandelbox(id).Describe())
                ?? (await grains.WithProbeTimeout(grains.Host.FindEnded(id)))?.Mandelbox;
            return mandelbox is null
                ? Page(page.OfNoMandelbox(id), StatusCodes.Status404NotFound)
                : Page(page.OfMandelbox(mandelbox));
        }
        catch (Exception exception)
        {
            LogUnanswered(Logger(context), exception, context.Request.Path);
            return Page(page.OfSilentMandelbox(id), StatusCodes.Status503ServiceUnavailable);
        }
    }

    private static async Task<IResult> FleetAsync(HttpContext context, GrainCalls grains, FleetPage page)
    {
        try
        {
            var hosts = grains.WithProbeTimeout(grains.Fleet.ListHosts());
            var history = grains.WithProbeTimeout(grains.Fleet.ReadHistory());
            var rollout = FindRolloutAsync(context, grains);
            await Task.WhenAll(hosts, history, rollout);
            return Page(page.Of(await hosts, await history, await rollout));
        }
        catch (Exception exception)
        {
            LogUnanswered(Logger(context), exception, context.Request.Path);
            return Page(FleetPage.OfSilentFleet(), StatusCodes.Status503ServiceUnavailable);
        }
    }

    /// <summary>It needs the database, without which the rest of the page can be shown.</summary>
    private static async Task<Rollout?> FindRolloutAsync(HttpContext context, GrainCalls grains)
    {
        try
        {
            return await grains.WithProbeTimeout(grains.Rollout.Find());
        }
        catch (Exception exception)
        {
            LogNoRollout(Logger(context), context.Request.Path, exception.Message);
            return null;
        }
    }

    /// <summary>The host of this gateway decides whether it has one.</summary>
    private static bool HasDashboard(EndpointDataSource endpoints) => endpoints.Endpoints.OfType<RouteEndpoint>()
        .Any(e => e.RoutePattern.PathSegments is [{ Parts: [RoutePatternLiteralPart { Content: "dashboard" }] }, ..]);

    private static IResult Page(IHtmlContent page, int status = StatusCodes.Status200OK) =>
        Results.Content(Html.Text(page), "text/html; charset=utf-8", statusCode: status);

    private static ILogger Logger(HttpContext context) =>
        context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger("HostService.Gateway.Ops");

    [LoggerMessage(LogLevel.Warning, "{Path} lacks the rollout: {Why}")]
    private static partial void LogNoRollout(ILogger logger, PathString path, string why);

    [LoggerMessage(LogLevel.Warning, "{Path} shows no figures: a grain does not answer")]
    private static partial void LogUnanswered(ILogger logger, Exception exception, PathString path);
}
