using HostService.Gateway.Wire;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace HostService.Gateway.Limits;

/// <summary>How much memory and time the web server itself gives to a connection.</summary>
internal static class ServerLimits
{
    /// <summary>Bytes that a connection may have sent and nobody has read yet.</summary>
    public const int ConnectionBuffer = 64 * 1024;

    private const int Streams = 16;

    public static void Set(KestrelServerLimits limits, GatewayOptions options)
    {
        limits.MaxRequestBodySize = WireReader.LargestBody;
        limits.MaxRequestBufferSize = ConnectionBuffer;
        limits.MaxResponseBufferSize = 16 * 1024;
        // A bearer token has up to 16 KiB.
        limits.MaxRequestHeadersTotalSize = 24 * 1024;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        limits.KeepAliveTimeout = options.IdleTimeout;
        limits.MinResponseDataRate = new MinDataRate(bytesPerSecond: 4096, gracePeriod: TimeSpan.FromSeconds(5));
        limits.Http2.MaxStreamsPerConnection = Streams;
        limits.Http2.InitialStreamWindowSize = ConnectionBuffer;
        // Twice as much, so that one stream whose data nobody reads does not hold up the others.
        limits.Http2.InitialConnectionWindowSize = 2 * ConnectionBuffer;
        // Notices a peer that vanished while one of its requests was under way.
        limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
        limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(20);
    }
}
