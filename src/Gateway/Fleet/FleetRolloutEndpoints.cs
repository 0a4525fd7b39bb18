using System.Text.Json;
using System.Text.Json.Serialization;
using HostService.Gateway.Operator;
using HostService.GrainInterfaces.Fleet;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.Routing;
using Microsoft.OpenApi;

namespace HostService.Gateway.Fleet;

/// <summary><c>/v1/fleet/rollout</c>: one version for all hosts.</summary>
internal static class FleetRolloutEndpoints
{
    /// <summary>A field that is misspelt must not be taken for one that is left out.</summary>
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        NumberHandling = JsonNumberHandling.Strict,
    };

    public static void MapFleetRollout(this RouteGroupBuilder fleet)
    {
        fleet.MapGet("/rollout", async (GrainCalls grains) =>
                await grains.WithTimeout(grains.Rollout.Find()) is { } rollout
                    ? Results.Ok(rollout)
                    : Results.Problem("There was no rollout in this fleet.", statusCode: StatusCodes.Status404NotFound))
            .WithName("fleet-rollout").WithSummary("The last rollout, with all hosts as they are now.")
            .Produces<Rollout>().DocumentProblems(StatusCodes.Status404NotFound);

        fleet.MapPost("/rollout", async (HttpRequest http, GrainCalls grains) =>
            {
                var (request, fault) = await ReadAsync(http);
                return fault is not null
                    ? Results.Problem($"{fault}.", statusCode: StatusCodes.Status400BadRequest)
                    : Accepted(await grains.WithTimeout(grains.Rollout.Start(request!)));
            })
            .WithName("fleet-rollout-start")
            .WithSummary("Upgrades all hosts to a version, one after the other; their mandelboxes go on. Halts at the first that fails.")
            .AddOpenApiOperationTransformer(DescribeAsync)
            .Produces(StatusCodes.Status202Accepted)
            .DocumentProblems(StatusCodes.Status400BadRequest, StatusCodes.Status409Conflict);

        fleet.MapPost("/rollout/resume", async (GrainCalls grains) => Accepted(await grains.WithTimeout(grains.Rollout.Resume())))
            .WithName("fleet-rollout-resume").WithSummary("Goes on with a rollout that has halted; the host that failed is tried again.")
            .Produces(StatusCodes.Status202Accepted).DocumentProblems(StatusCodes.Status409Conflict);

        fleet.MapDelete("/rollout", async (GrainCalls grains) =>
                await grains.WithTimeout(grains.Rollout.Abort()) is { } reason ? Conflict(reason) : Results.NoContent())
            .WithName("fleet-rollout-abort").WithSummary("Ends a rollout: no further host is upgraded. Hosts keep the version they have.")
            .Produces(StatusCodes.Status204NoContent).DocumentProblems(StatusCodes.Status409Conflict);

        fleet.MapOtherMethods("/rollout", "GET, HEAD, POST, DELETE");
        fleet.MapOtherMethods("/rollout/resume", "POST");
    }

    /// <summary>Whatever the content type says, as the wire interface does.</summary>
    private static async Task<(RolloutRequest? Request, string? Fault)> ReadAsync(HttpRequest http)
    {
        try
        {
            var request = await JsonSerializer.DeserializeAsync<RolloutRequest>(http.Body, Json, http.HttpContext.RequestAborted);
            return (request, request is null ? "the body must be a JSON object with a version" : request.Fault());
        }
        catch (JsonException exception)
        {
            return (null, $"the body is no rollout: {exception.Message.TrimEnd('.')}");
        }
    }

    private static async Task DescribeAsync(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken) =>
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal)
            {
                ["application/json"] = new()
                {
                    Schema = await context.GetOrCreateSchemaAsync(typeof(RolloutRequest), null, cancellationToken),
                },
            },
        };

    private static IResult Accepted(string? refusal) => refusal is null ? Results.Accepted() : Conflict(refusal);

    private static IResult Conflict(string reason) => Results.Problem($"{reason}.", statusCode: StatusCodes.Status409Conflict);
}
