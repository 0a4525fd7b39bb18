using System.Net;
using HostService.Gateway.Wire;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Gateway;

/// <summary>Sets the web server up: HTTPS on the configured port and address.</summary>
public static class GatewayTls
{
    /// <summary>
    /// Listens as <see cref="GatewayOptions"/> says, with a certificate as <see cref="GatewayCertificate.Prepare"/> finds or makes it. Needs <c>AddGateway</c>; throws
    /// <see cref="GatewayCertificateException"/> when the server starts.
    /// </summary>
    public static void ConfigureGatewayTls(this KestrelServerOptions kestrel, string privateRoot)
    {
        var services = kestrel.ApplicationServices;
        var options = services.GetRequiredService<IOptions<GatewayOptions>>().Value;
        var logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("HostService.Gateway.Tls");
        var certificate = GatewayCertificate.Prepare(options, privateRoot, services.GetRequiredService<TimeProvider>(), logger);

        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = WireReader.LargestBody;
        if (options.Address.Length > 0)
            kestrel.Listen(IPAddress.Parse(options.Address), options.Port, Secure);
        else
            kestrel.ListenAnyIP(options.Port, Secure);

        void Secure(ListenOptions listen) => listen.UseHttps(new HttpsConnectionAdapterOptions
        {
            ServerCertificate = certificate.Certificate,
            ServerCertificateChain = certificate.Chain,
        });
    }
}
