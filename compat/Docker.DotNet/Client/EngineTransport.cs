using System.Net.Sockets;

namespace Docker.DotNet;

/// <summary>HTTP over whatever the endpoint's scheme names.</summary>
internal static class EngineTransport
{
    public static (SocketsHttpHandler Handler, Uri Root) Open(DockerClientConfiguration configuration)
    {
        var endpoint = configuration.EndpointBaseUri;
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AutomaticDecompression = System.Net.DecompressionMethods.None,
            // Engines keep idle connections for long; ours are given up first, so that a request never meets one that is just being closed.
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(60),
        };

        switch (endpoint.Scheme.ToLowerInvariant())
        {
            case "unix":
                var path = endpoint.LocalPath;
                handler.ConnectCallback = (_, cancellationToken) => ConnectAsync(path, cancellationToken);
                return (handler, new UriBuilder("http", endpoint.Segments[^1]).Uri);

            case "tcp" or "http":
                return (handler, new UriBuilder(endpoint) { Scheme = configuration.Credentials.IsTlsCredentials() ? "https" : "http" }.Uri);

            case "https":
                return (handler, endpoint);

            case "npipe":
                throw new PlatformNotSupportedException("Named pipes are Windows'; use the real Docker.DotNet there.");

            default:
#pragma warning disable CA2201 // No better type: whoever catches it must be able to catch the package's.
                throw new Exception($"Unknown URL scheme {endpoint.Scheme}");
#pragma warning restore CA2201
        }
    }

    private static async ValueTask<Stream> ConnectAsync(string path, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
