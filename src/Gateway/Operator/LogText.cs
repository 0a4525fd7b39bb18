using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Gateway.Operator;

/// <summary>What a mandelbox has written, as it comes. Whatever it is, a browser shows it as text.</summary>
/// <param name="pieces">At the first one.</param>
/// <param name="hasFirst">False where there is none.</param>
/// <param name="over">When the caller has left, or the service ends.</param>
internal sealed partial class LogText(IAsyncEnumerator<byte[]> pieces, bool hasFirst, CancellationTokenSource over) : IResult
{
    public static async Task<LogText> BeginAsync(IAsyncEnumerable<byte[]> text, CancellationTokenSource over)
    {
        var pieces = text.GetAsyncEnumerator(over.Token);
        try
        {
            return new LogText(pieces, await pieces.MoveNextAsync(), over);
        }
        catch
        {
            await pieces.DisposeAsync();
            over.Dispose();
            throw;
        }
    }

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.ContentType = "text/plain; charset=utf-8";
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        using var _ = over;
        await using var closing = pieces;
        try
        {
            for (var hasMore = hasFirst; hasMore; hasMore = await pieces.MoveNextAsync())
            {
                await response.Body.WriteAsync(pieces.Current, over.Token);
                await response.Body.FlushAsync(over.Token);
            }
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            // The caller has left, or the service ends.
        }
        catch (Exception exception)
        {
            // The answer has begun: all that is left is to cut it off, so that nobody takes it for the whole.
            LogCutOff(httpContext.RequestServices.GetRequiredService<ILogger<LogText>>(), httpContext.Request.Path, exception.Message);
            httpContext.Abort();
        }
    }

    [LoggerMessage(LogLevel.Warning, "{Path} is cut off: {Reason}")]
    private static partial void LogCutOff(ILogger logger, PathString path, string reason);
}
