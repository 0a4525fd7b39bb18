using System.Net;
using HostService.Gateway.Authentication;
using HostService.GrainInterfaces.Fleet;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace HostService.Gateway.Fleet;

/// <summary>Who may connect as a host.</summary>
internal static partial class HostAccess
{
    /// <summary>The caller must be the host that it names: by its certificate, or from this machine where none is required.</summary>
    public static TBuilder RequireHost<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder
    {
        builder.Add(endpoint =>
        {
            var inner = endpoint.RequestDelegate ?? throw new InvalidOperationException($"{endpoint.DisplayName} has nothing to guard.");
            endpoint.RequestDelegate = context =>
            {
                // The server still listens when it has ended the connections of relays, which come again at once.
                if (context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested)
                {
                    context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
                    return Task.CompletedTask;
                }

                if (Refusal(context) is not { } refusal)
                {
                    return inner(context);
                }

                // The relay sees no more than the status.
                LogRefused(FleetLog.Of(context.RequestServices), context.Connection.RemoteIpAddress, refusal);
                return Results.Problem(refusal, statusCode: StatusCodes.Status403Forbidden).ExecuteAsync(context);
            };
        });
        return builder;
    }

    /// <summary>The host's name in a request that was let through.</summary>
    public static string HostOf(HttpContext context) => context.Request.Query[RelayProtocol.HostParameter].ToString();

    private static string? Refusal(HttpContext context)
    {
        var name = HostOf(context);
        if (!Names.IsHostName(name))
        {
            return $"The query must name the host: ?{RelayProtocol.HostParameter}=…";
        }

        if (!context.RequestServices.GetRequiredService<HostCertificates>().AreRequired)
        {
            return context.Connection.IsLoopback()
                ? null
                : "Hosts of other machines need a certificate, and this fleet has none to check it with: set FleetGateway:HostCaPath.";
        }

        return context.Connection.ClientCertificate is not { } certificate ? "A host needs a certificate: set Relay:CertificatePath."
            : HostCertificates.NameIn(certificate) is var named && named != name
                ? $"This is the certificate of {named}, which may not speak for another host."
                : null;
    }

    [LoggerMessage(LogLevel.Warning, "A relay at {Address} is refused: {Reason}")]
    private static partial void LogRefused(ILogger logger, IPAddress? address, string reason);
}
