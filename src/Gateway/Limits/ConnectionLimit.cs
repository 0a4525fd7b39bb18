using System.Net;
using Microsoft.AspNetCore.Connections;

namespace HostService.Gateway.Limits;

/// <summary>Ends a connection when its address, or all together, have too many; before TLS, whose handshake costs most.</summary>
/// <remarks>Kestrel's own limit ignores addresses, so strangers could lock everybody out; and it logs each refusal.</remarks>
internal static class ConnectionLimit
{
    public static void UseConnectionLimit(this IConnectionBuilder builder, ClientQuota quota) => builder.Use(next => async connection =>
    {
        using var lease = quota.TryTake(AddressOf(connection.RemoteEndPoint), AddressOf(connection.LocalEndPoint), 1);
        if (lease is null)
        {
            connection.Abort();
            return;
        }

        await next(connection);
    });

    private static IPAddress? AddressOf(EndPoint? end) => (end as IPEndPoint)?.Address;
}
