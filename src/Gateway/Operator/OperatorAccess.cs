using System.Net;
using HostService.Gateway.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Gateway.Operator;

/// <summary>
/// Access to the operator's API. The address is that of the connection, never one from a header. Behind a proxy on this machine every
/// caller comes from loopback, so the proxy must keep strangers out.
/// </summary>
public static class OperatorAccess
{
    private const string Scheme = "Bearer ";

    /// <summary>
    /// Accepts loopback, and the backend's credential as a bearer token. Other callers get a 401 as problem details, and web pages of other
    /// origins a 403.
    /// </summary>
    public static TBuilder RequireOperator<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder => builder.Guard(IsOperatorAsync);

    /// <summary>As <see cref="RequireOperator"/>, and also for the addresses of <see cref="GatewayOptions.MonitoringNetworks"/>.</summary>
    public static TBuilder RequireMonitor<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder => builder.Guard(IsMonitorAsync);

    private static TBuilder Guard<TBuilder>(this TBuilder builder, Func<HttpContext, ValueTask<Caller>> check)
        where TBuilder : IEndpointConventionBuilder
    {
        builder.Add(endpoint =>
        {
            var inner = endpoint.RequestDelegate ?? throw new InvalidOperationException($"{endpoint.DisplayName} has nothing to guard.");
            endpoint.RequestDelegate = async context =>
            {
                if (context.RequestServices.GetRequiredService<BrowserGuard>().Refusal(context) is { } refusal)
                {
                    await Problems.OtherOrigin(refusal).ExecuteAsync(context);
                    return;
                }

                var caller = await check(context);
                if (caller.Id is not null)
                {
                    await inner(context);
                }
                else
                {
                    await RefuseAsync(context, caller.RetryAfter);
                }
            };
        });
        return builder;
    }

    private static async ValueTask<Caller> IsOperatorAsync(HttpContext context)
    {
        if (context.Connection.IsLoopback())
        {
            return new Caller("loopback");
        }

        var authorization = context.Request.Headers.Authorization.ToString();
        if (!authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return Caller.Nobody;
        }

        var authenticator = context.RequestServices.GetRequiredService<Authenticator>();
        return await authenticator.BackendAsync(
            context.Connection.RemoteIpAddress, authorization[Scheme.Length..].Trim(), context.RequestAborted);
    }

    private static ValueTask<Caller> IsMonitorAsync(HttpContext context) =>
        context.RequestServices.GetRequiredService<MonitoringNetworks>().Contains(context.Connection.RemoteIpAddress)
            ? ValueTask.FromResult(new Caller("monitor"))
            : IsOperatorAsync(context);

    private static Task RefuseAsync(HttpContext context, TimeSpan? retryAfter)
    {
        context.Response.Headers.WWWAuthenticate = "Bearer";
        if (retryAfter is { } wait)
        {
            context.Response.Headers.RetryAfter = ((long)Math.Ceiling(wait.TotalSeconds)).ToString();
        }

        return Results
            .Problem(
                "Send the backend's credential as a bearer token, or ask from this machine.", statusCode: StatusCodes.Status401Unauthorized)
            .ExecuteAsync(context);
    }
}

internal sealed class MonitoringNetworks(IOptions<GatewayOptions> options)
{
    private readonly AddressList _list = new(options.Value.MonitoringNetworks);

    public bool Contains(IPAddress? address) => _list.Contains(address);
}
