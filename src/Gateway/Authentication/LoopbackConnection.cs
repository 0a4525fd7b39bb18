using System.Net;
using Microsoft.AspNetCore.Http;

namespace HostService.Gateway.Authentication;

/// <summary>Defines "from loopback" for everything that trusts it.</summary>
internal static class LoopbackConnection
{
    /// <summary>
    /// Whether both ends of the connection are loopback addresses. One is not enough: with <c>route_localnet</c> a container can send
    /// packets from its own address to 127.0.0.1, and packets that claim to come from 127.0.0.1 to an address of the host's.
    /// </summary>
    public static bool IsLoopback(this ConnectionInfo connection) =>
        IsLoopback(connection.RemoteIpAddress, connection.LocalIpAddress);

    /// <inheritdoc cref="IsLoopback(ConnectionInfo)"/>
    public static bool IsLoopback(IPAddress? remote, IPAddress? local) => IsLoopback(remote) && IsLoopback(local);

    private static bool IsLoopback(IPAddress? address) => address is not null && IPAddress.IsLoopback(AddressList.Plain(address));
}
