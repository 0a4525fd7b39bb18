using System.Net;
using System.Net.Sockets;

namespace HostService.Infrastructure.Linux.Network;

/// <summary>Whether a port of this machine is free.</summary>
public interface IPortProbe
{
    /// <summary>True when no program is bound to the TCP port on any address. Takes microseconds: no packet is sent.</summary>
    bool IsTcpFree(ushort port);

    /// <summary>True when no program is bound to the UDP port on any address.</summary>
    bool IsUdpFree(ushort port);
}

/// <summary>Binds to the port on all addresses for a moment, as the engine will do, and so fails where the engine would.</summary>
public sealed class PortProbe : IPortProbe
{
    public bool IsTcpFree(ushort port) => CanBind(SocketType.Stream, ProtocolType.Tcp, port);

    public bool IsUdpFree(ushort port) => CanBind(SocketType.Dgram, ProtocolType.Udp, port);

    private static bool CanBind(SocketType type, ProtocolType protocol, ushort port)
    {
        try
        {
            if (Socket.OSSupportsIPv6)
            {
                // One dual-stack socket covers every IPv4 and IPv6 address.
                using var dual = new Socket(AddressFamily.InterNetworkV6, type, protocol) { DualMode = true };
                dual.Bind(new IPEndPoint(IPAddress.IPv6Any, port));
            }
            else
            {
                using var v4 = new Socket(AddressFamily.InterNetwork, type, protocol);
                v4.Bind(new IPEndPoint(IPAddress.Any, port));
            }

            return true;
        }
        catch (SocketException)
        {
            // In use, or not permitted: either way the engine could not use it.
            return false;
        }
    }
}
