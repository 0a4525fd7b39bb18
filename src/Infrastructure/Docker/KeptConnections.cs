using System.Net;
using System.Net.Sockets;
using Docker.DotNet;

namespace HostService.Infrastructure.Docker;

/// <summary>Keeps connections to the engine for further calls; Docker.DotNet's own handler makes a new one for each.</summary>
internal sealed class KeptConnections(Uri endpoint) : Credentials
{
    /// <summary>Only then would Docker.DotNet make a <c>tcp://</c> address an <c>https://</c> one.</summary>
    public override bool IsTlsCredentials() => false;

    /// <param name="innerHandler">Docker.DotNet's own.</param>
    public override HttpMessageHandler GetHandler(HttpMessageHandler innerHandler)
    {
        innerHandler.Dispose();
        return new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,

            // The engine is no place for headers of a trace.
            ActivityHeadersPropagator = null,
            ConnectCallback = endpoint.Scheme == "unix" ? ConnectAsync : null,
        };
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(endpoint.LocalPath), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
