using HostService.Gateway.Authentication;
using HostService.Gateway.Operator;
using Microsoft.AspNetCore.Http;

namespace HostService.Gateway.Wire;

/// <summary>Runs before every wire endpoint: reads the body and authenticates the caller. Turns exceptions into answers.</summary>
internal sealed partial class WireFilter<TBody>(
    WireReader reader, Authenticator authenticator, BrowserGuard browsers, RunningEnvironment environment, ILoggerFactory loggers)
    : IEndpointFilter
    where TBody : class
{
    private readonly ILogger _logger = loggers.CreateLogger("HostService.Gateway.Wire");

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        if (!WireEndpoints.IsExact(http))
        {
            return Results.NotFound();
        }

        // Elsewhere a credential is needed, which a web page does not have.
        if (environment.Value.IsLocal && http.Connection.IsLoopback() && browsers.Refusal(http) is { } refusal)
        {
            return Problems.OtherOrigin(refusal);
        }

        try
        {
            return await FillInAsync(context.GetArgument<WireRequest<TBody>>(0), http) ?? await next(context);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            return Results.StatusCode(StatusCodes.Status499ClientClosedRequest);
        }
        catch (TimeoutException exception)
        {
            LogFailed(_logger, exception, http.Request.Path, http.TraceIdentifier);
            return WireResult.Refused("the host did not finish this in time");
        }
        catch (Exception exception)
        {
            // Callers do not expect a 500. The cause is in the log, under the id in the answer.
            LogFailed(_logger, exception, http.Request.Path, http.TraceIdentifier);
            return WireResult.Refused($"the host failed at this; its log has the cause under {http.TraceIdentifier}");
        }
    }

    /// <summary>Null, or the answer that ends the request.</summary>
    private async ValueTask<WireResult?> FillInAsync(WireRequest<TBody> request, HttpContext http)
    {
        var (body, fault) = await reader.ReadAsync<TBody>(http);
        if (body is null)
        {
            return fault;
        }

        var caller = body switch
        {
            SpinUpBody user => await authenticator.UserAsync(http.Connection.RemoteIpAddress, user.JwtAccessToken, http.RequestAborted),
            BackendBody backend => await authenticator.BackendCallAsync(http.Connection, backend.AuthSecret, http.RequestAborted),
            _ => Caller.Nobody,
        };
        if (caller.Id is not { } callerId)
        {
            return WireResult.Unauthorized(caller.RetryAfter);
        }

        (request.Body, request.CallerId) = (body, callerId);
        return null;
    }

    [LoggerMessage(LogLevel.Error, "{Path} failed ({TraceId})")]
    private static partial void LogFailed(ILogger logger, Exception exception, string path, string traceId);
}
