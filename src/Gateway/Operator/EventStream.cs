using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Gateway.Operator;

/// <summary>
/// Events as server-sent events, until the caller leaves, the service ends, or the caller reads too slowly. A comment now and then keeps
/// the connection open, and tells a caller that has vanished from one that has nothing to do.
/// </summary>
internal sealed class EventStream(EventFeed.Viewer viewer) : IResult
{
    public const string ContentType = "text/event-stream";
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(15);

    /// <summary>Whether a request asks for a stream.</summary>
    public static bool IsWanted(HttpRequest request) =>
        request.GetTypedHeaders().Accept.Any(type => type.MediaType.Equals(ContentType, StringComparison.OrdinalIgnoreCase));

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        using (viewer)
        using (var over = StreamEnd.Of(httpContext, viewer.Dropped))
        {
            await ExecuteAsync(httpContext, over.Token);
            if (viewer.Dropped.IsCancellationRequested)
            {
                httpContext.Abort();
            }
        }
    }

    private async Task ExecuteAsync(HttpContext httpContext, CancellationToken over)
    {
        var (response, services) = (httpContext.Response, httpContext.RequestServices);
        var json = services.GetRequiredService<IOptions<JsonOptions>>().Value.SerializerOptions;
        var timeProvider = services.GetRequiredService<TimeProvider>();
        response.ContentType = ContentType;
        response.Headers.CacheControl = "no-store";
        if (HeadRequests.IsHead(httpContext))
        {
            return;
        }

        try
        {
            await WriteAsync(response, ": the host's events\n\n", over);
            var more = viewer.Events.WaitToReadAsync(over).AsTask();
            while (true)
            {
                await ((Task)more).WaitAsync(KeepAlive, timeProvider, over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (!more.IsCompleted)
                {
                    over.ThrowIfCancellationRequested();
                    await WriteAsync(response, ":\n\n", over);
                    continue;
                }

                if (!await more)
                {
                    return;
                }

                while (viewer.Events.TryRead(out var happened))
                {
                    await WriteAsync(response, TextOf(happened, json), over);
                }

                more = viewer.Events.WaitToReadAsync(over).AsTask();
            }
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            // The caller has left, or the service ends.
        }
    }

    private static string TextOf(HostEvent happened, JsonSerializerOptions json) => string.Create(
        CultureInfo.InvariantCulture,
        $"id: {happened.Sequence}\nevent: {happened.Kind}\ndata: {JsonSerializer.Serialize(happened, json)}\n\n");

    private static async Task WriteAsync(HttpResponse response, string text, CancellationToken over)
    {
        await response.Body.WriteAsync(Encoding.UTF8.GetBytes(text), over);
        await response.Body.FlushAsync(over);
    }
}
