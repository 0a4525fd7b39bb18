using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.Routing;
using Microsoft.OpenApi;

namespace HostService.Gateway.Operator;

/// <summary><c>/v1/events</c>: what happened on the host, as a list or as it happens.</summary>
internal static class EventEndpoints
{
    private const string LastEventId = "Last-Event-ID";

    public static RouteHandlerBuilder MapEvents(this IEndpointRouteBuilder v1) => v1
        .MapGet("/events", async (string? limit, HttpRequest request, GrainCalls grains, EventFeed feed) =>
        {
            if (EventStream.IsWanted(request))
            {
                return Stream(request.Headers[LastEventId].ToString(), feed);
            }

            return OperatorEndpoints.TryParse(limit, HostEvents.Kept, HostEvents.Kept, out var count)
                ? Results.Ok(await grains.WithTimeout(grains.Host.ListEvents(count)))
                : Problems.BadRequest($"limit must be a number from 1 to {HostEvents.Kept}");
        })
        .WithName("events")
        .WithSummary(
            "What happened on the host, the newest last; 1,000 events are kept. With Accept: text/event-stream, the events after "
            + "Last-Event-ID, or the last 100, and then each one as it happens.")
        .DescribeNumber("limit", HostEvents.Kept, HostEvents.Kept, "At most as many of the list, the newest ones.")
        .Produces<IReadOnlyList<HostEvent>>(StatusCodes.Status200OK, "application/json", EventStream.ContentType)
        .AddOpenApiOperationTransformer(DescribeStream);

    private static Task DescribeStream(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        operation.Parameters!.Add(new OpenApiParameter
        {
            Name = LastEventId,
            In = ParameterLocation.Header,
            Description = "The sequence of the last event that the caller of a stream knows.",
            Schema = new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64", Minimum = "0" },
        });
        operation.Responses!["200"].Content![EventStream.ContentType].Schema = new OpenApiSchema
        {
            Type = JsonSchemaType.String,
            Description = "Server-sent events: id is the sequence, event the kind, data a HostEvent in one line.",
        };
        return Task.CompletedTask;
    }

    private static IResult Stream(string lastEventId, EventFeed feed)
    {
        long? after = null;
        if (lastEventId.Length > 0)
        {
            if (!long.TryParse(lastEventId, NumberStyles.None, CultureInfo.InvariantCulture, out var known))
            {
                return Problems.BadRequest($"{LastEventId} must be the number of an event");
            }

            after = known;
        }

        return feed.TryWatch(after) is { } viewer
            ? new EventStream(viewer)
            : Results.Problem(
                $"As many watch the events as may: {EventFeed.MostViewers}.", statusCode: StatusCodes.Status503ServiceUnavailable);
    }
}
