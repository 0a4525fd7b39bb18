using System.Globalization;
using HostService.GrainInterfaces.Fleet;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Gateway.Operator;

/// <summary><c>/v1</c>: the host and its mandelboxes, for operators.</summary>
internal static partial class OperatorEndpoints
{
    public static void MapOperator(this IEndpointRouteBuilder routes)
    {
        var v1 = routes.MapGroup("/v1").WithTags("Operator").RequireOperator().AddEndpointFilter(AnswerFailuresAsync);

        v1.MapGet("/host", async (GrainCalls grains) => Results.Ok(await grains.WithTimeout(grains.Host.Describe())))
            .WithName("host").WithSummary("Identity, status, pools, GPUs and the machine's figures.")
            .Produces<HostDescription>().DocumentProblems();

        v1.MapPost("/host/drain", Drain)
            .WithName("drain")
            .WithSummary("Drains the host, cleans up and shuts down; answers at once. With force, mandelboxes are ended at once.")
            .DescribeSwitch("force", "Whether mandelboxes are ended at once.")
            .Produces(StatusCodes.Status202Accepted).DocumentProblems(StatusCodes.Status400BadRequest);

        v1.MapDelete("/host/drain", async (GrainCalls grains) => await grains.WithTimeout(grains.Host.CancelDrain()) is { } reason
                ? Results.Problem($"{reason}.", statusCode: StatusCodes.Status409Conflict)
                : Results.NoContent())
            .WithName("cancel-drain").WithSummary("Ends a drain that is only waiting for users; the host takes spin-ups again.")
            .Produces(StatusCodes.Status204NoContent).DocumentProblems(StatusCodes.Status409Conflict);

        v1.MapPost("/host/restart", async (GrainCalls grains) => await grains.WithTimeout(grains.Host.RequestRestart()) is { } reason
                ? Results.Problem($"{reason}.", statusCode: StatusCodes.Status409Conflict)
                : Results.Accepted())
            .WithName("restart")
            .WithSummary("Ends the service with exit code 5, for a restart; mandelboxes go on, and the next run takes them over.")
            .Produces(StatusCodes.Status202Accepted).DocumentProblems(StatusCodes.Status409Conflict);

        v1.MapGet("/leases", async (GrainCalls grains) => Results.Ok(await grains.WithTimeout(grains.Host.ListLeases())))
            .WithName("leases").WithSummary("What is leased, and to whom; also what containers of earlier runs keep.")
            .Produces<IReadOnlyList<Lease>>().DocumentProblems();

        v1.MapGet("/mandelboxes", async (GrainCalls grains) => Results.Ok(await ListAsync(grains)))
            .WithName("mandelboxes").WithSummary("All mandelboxes that have not gone, the oldest first.")
            .Produces<IReadOnlyList<MandelboxDescription>>().DocumentProblems();

        v1.MapGet("/mandelboxes/{id}", async (string id, GrainCalls grains) =>
            {
                if (!MandelboxIds.IsOurs(id))
                {
                    return Problems.BadId(id);
                }

                return await grains.WithTimeout(grains.Mandelbox(id).Describe()) is { } mandelbox
                    ? Results.Ok(mandelbox)
                    : Problems.NoMandelbox();
            })
            .WithName("mandelbox").WithSummary("One mandelbox.")
            .Produces<MandelboxDescription>().DocumentProblems(StatusCodes.Status400BadRequest, StatusCodes.Status404NotFound);

        v1.MapDelete("/mandelboxes/{id}", async (string id, GrainCalls grains) =>
            {
                if (!MandelboxIds.IsOurs(id))
                {
                    return Problems.BadId(id);
                }

                return await grains.WithMandelboxTimeout(grains.Mandelbox(id).Stop("an operator asked for it"))
                    ? Results.NoContent()
                    : Problems.NoMandelbox();
            })
            .WithName("stop").WithSummary("Ends a mandelbox; answers once everything it held has been given back.")
            .Produces(StatusCodes.Status204NoContent).DocumentProblems(StatusCodes.Status400BadRequest, StatusCodes.Status404NotFound);

        v1.MapGet("/doctor", async (GrainCalls grains) => Results.Ok(await grains.WithTimeout(grains.Doctor.Examine())))
            .WithName("doctor").WithSummary("Checks the host and its machine now, and lists what belongs to no mandelbox.")
            .Produces<DoctorReport>().DocumentProblems();

        v1.MapGet("/history", async (string? limit, GrainCalls grains) =>
                TryParse(limit, MandelboxHistory.Length, MandelboxHistory.Length, out var count)
                    ? Results.Ok(await grains.WithTimeout(grains.Host.ListEnded(count)))
                    : Problems.BadRequest($"limit must be a number from 1 to {MandelboxHistory.Length}"))
            .WithName("history").WithSummary("Mandelboxes that have gone, the newest first, with the cause of their end; 1,000 are kept.")
            .DescribeNumber("limit", MandelboxHistory.Length, MandelboxHistory.Length, "At most as many.")
            .Produces<IReadOnlyList<MandelboxDescription>>().DocumentProblems(StatusCodes.Status400BadRequest);

        v1.MapEvents().DocumentProblems(StatusCodes.Status400BadRequest);
        v1.MapTimeline().DocumentProblems(StatusCodes.Status400BadRequest, StatusCodes.Status404NotFound);
        v1.MapLogs().DocumentProblems(StatusCodes.Status400BadRequest, StatusCodes.Status404NotFound);

        v1.MapOtherMethods("/host", "GET, HEAD");
        v1.MapOtherMethods("/host/drain", "POST, DELETE");
        v1.MapOtherMethods("/host/restart", "POST");
        v1.MapOtherMethods("/doctor", "GET, HEAD");
        v1.MapOtherMethods("/history", "GET, HEAD");
        v1.MapOtherMethods("/leases", "GET, HEAD");
        v1.MapOtherMethods("/events", "GET, HEAD");
        v1.MapOtherMethods("/mandelboxes", "GET, HEAD");
        v1.MapOtherMethods("/mandelboxes/{id}", "GET, HEAD, DELETE");
        v1.MapOtherMethods("/mandelboxes/{id}/timeline", "GET, HEAD");
        v1.MapOtherMethods("/mandelboxes/{id}/logs", "GET, HEAD");
        v1.Map("/{**rest}", () => Problems.NoSuchPath()).ExcludeFromDescription().WithOrder(int.MaxValue);
    }

    /// <summary>Reads how many are asked for: 1 to <paramref name="most"/>.</summary>
    internal static bool TryParse(string? text, int otherwise, int most, out int count)
    {
        count = otherwise;
        return text is null
            || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count) && count >= 1 && count <= most);
    }

    /// <summary>Reads a switch, which is off where it is not given.</summary>
    internal static bool TryParse(string? text, out bool isOn) => bool.TryParse(text ?? bool.FalseString, out isOn);

    private static IResult Drain(string? force, HttpContext context, IShutdownSignal shutdown)
    {
        if (!TryParse(force, out var isForced))
        {
            return Problems.BadRequest("value of force must be true or false");
        }

        shutdown.RequestAfterAnswer(context, isForced ? "an operator asked for a stop" : "an operator asked for a drain", isForced);
        return Results.Accepted();
    }

    private static async Task<IEnumerable<MandelboxDescription>> ListAsync(GrainCalls grains) =>
        (await grains.WithTimeout(grains.Host.ListMandelboxes())).OrderBy(m => m.CreatedAt).ThenBy(
            m => m.MandelboxId, StringComparer.Ordinal);

    internal static void MapOtherMethods(this IEndpointRouteBuilder routes, string path, string allow) =>
        routes.Map(path, (HttpContext context) =>
        {
            context.Response.Headers.Allow = allow;
            return Results.Problem($"This path knows {allow}.", statusCode: StatusCodes.Status405MethodNotAllowed);
        }).ExcludeFromDescription();

    internal static void DocumentProblems(this RouteHandlerBuilder builder, params ReadOnlySpan<int> statuses)
    {
        foreach (var status in statuses)
        {
            builder.ProducesProblem(status);
        }

        builder.ProducesProblem(StatusCodes.Status401Unauthorized)
            .ProducesProblem(StatusCodes.Status403Forbidden)
            .ProducesProblem(StatusCodes.Status500InternalServerError)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable)
            .ProducesProblem(StatusCodes.Status504GatewayTimeout);
    }

    /// <summary>The boundary: a grain that fails or does not answer becomes problem details, its cause a line in the log.</summary>
    internal static async ValueTask<object?> AnswerFailuresAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        try
        {
            return await next(context);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            return Results.StatusCode(StatusCodes.Status499ClientClosedRequest);
        }
        catch (HostAwayException exception)
        {
            return Results.Problem($"{exception.Message}.", statusCode: StatusCodes.Status503ServiceUnavailable);
        }
        catch (TimeoutException exception)
        {
            Failed(Logger(http), exception, http.Request.Path, http.TraceIdentifier);
            return Results.Problem(exception.Message, statusCode: StatusCodes.Status504GatewayTimeout);
        }
        catch (Exception exception)
        {
            Failed(Logger(http), exception, http.Request.Path, http.TraceIdentifier);
            return Results.Problem(
                $"The log has the cause under {http.TraceIdentifier}.", statusCode: StatusCodes.Status500InternalServerError);
        }
    }

    private static ILogger Logger(HttpContext context) =>
        context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger("HostService.Gateway.Operator");

    [LoggerMessage(LogLevel.Error, "{Path} failed ({TraceId})")]
    private static partial void Failed(ILogger logger, Exception exception, PathString path, string traceId);
}
