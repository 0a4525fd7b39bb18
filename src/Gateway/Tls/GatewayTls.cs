using System.Net;
using System.Net.Security;
using HostService.Gateway.Fleet;
using HostService.Gateway.Limits;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace HostService.Gateway.Tls;

/// <summary>HTTPS on the configured port and address.</summary>
public static class GatewayTls
{
    /// <summary>
    /// The certificate is read or made when the hosted services start, and a self-signed one is written to its files once the server
    /// listens: a start that fails before must leave no key behind. <see cref="GatewayCertificateException"/> ends the start.
    /// </summary>
    public static IServiceCollection AddGatewayTls(this IServiceCollection services, string privateRoot)
    {
        services.AddSingleton(provider => new ServerTls(provider, privateRoot));
        services.AddHostedService(provider => provider.GetRequiredService<ServerTls>());
        // This category is about peers that break the protocol: a stranger could fill the log, and with lines marked as critical.
        services.AddLogging(logging => logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel.Http2", LogLevel.None));
        services.Configure<SocketTransportOptions>(sockets => sockets.MaxReadBufferSize = ServerLimits.ConnectionBuffer);
        return services;
    }

    /// <summary>Listens as configured in <see cref="GatewayOptions"/>. Needs <c>AddGateway</c> and <see cref="AddGatewayTls"/>.</summary>
    public static void ConfigureGatewayTls(this KestrelServerOptions kestrel)
    {
        var services = kestrel.ApplicationServices;
        var options = services.GetRequiredService<IOptions<GatewayOptions>>().Value;
        var tls = services.GetRequiredService<ServerTls>();
        var connections = services.GetRequiredService<GatewayQuotas>().Connections;

        kestrel.AddServerHeader = false;
        // Otherwise header values stay in memory after their request, secrets among them.
        kestrel.DisableStringReuse = true;
        ServerLimits.Set(kestrel.Limits, options);
        if (options.Address.Length > 0)
        {
            kestrel.Listen(IPAddress.Parse(options.Address), options.Port, Secure);
        }
        else
        {
            kestrel.ListenAnyIP(options.Port, Secure);
        }

        void Secure(ListenOptions listen)
        {
            listen.UseConnectionLimit(connections);
            listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(tls.Handshake) });
        }
    }

    /// <summary>One certificate for all handshakes.</summary>
    private sealed class ServerTls(IServiceProvider services, string privateRoot) : IHostedLifecycleService, IDisposable
    {
        private readonly Lazy<GatewayCertificate> _certificate = new(() => GatewayCertificate.Prepare(
            services.GetRequiredService<IOptions<GatewayOptions>>().Value,
            services.GetRequiredService<IHostName>().Addresses,
            services.GetRequiredService<TimeProvider>(),
            services.GetRequiredService<ILoggerFactory>().CreateLogger("HostService.Gateway.Tls")));

        private SslStreamCertificateContext? _context;
        private KeptCertificate? _kept;

        public SslServerAuthenticationOptions Handshake
        {
            get
            {
                var options = new SslServerAuthenticationOptions { ServerCertificateContext = _context };
                services.GetService<HostCertificates>()?.AskFor(options);
                return options;
            }
        }

        public Task StartAsync(CancellationToken cancellationToken)
        {
            var found = _certificate.Value;
            _context = SslStreamCertificateContext.Create(found.Certificate, found.Chain, offline: true);
            return Task.CompletedTask;
        }

        /// <summary>Only now, when the port is this server's: the files of another one that has it must stay.</summary>
        public Task StartedAsync(CancellationToken cancellationToken)
        {
            if (services.GetRequiredService<IOptions<GatewayOptions>>().Value.CertificatePath.Length == 0)
            {
                _kept = KeptCertificate.Write(_certificate.Value.Certificate, privateRoot);
            }

            return Task.CompletedTask;
        }

        /// <summary>A self-signed certificate ends with the server; an operator's own stays.</summary>
        public Task StopAsync(CancellationToken cancellationToken)
        {
            Dispose();
            return Task.CompletedTask;
        }

        /// <summary>Also where the application could not be stopped: no key stays behind.</summary>
        public void Dispose()
        {
            // Once: afterwards the directory may be another server's.
            _kept?.Remove();
            _kept = null;
        }

        Task IHostedLifecycleService.StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        Task IHostedLifecycleService.StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        Task IHostedLifecycleService.StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
