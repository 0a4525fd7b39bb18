using System.Net;
using System.Net.Sockets;

namespace HostService.Tests.Support;

/// <summary>
/// Ports for tests. A port stays reserved until the test process ends: no other test and no other test process gets it, even before
/// anything listens on it.
/// </summary>
public static class TestPorts
{
    // Above the ports that the service gives to mandelboxes and those that the kernel chooses (net.ipv4.ip_local_port_range).
    private const int First = 61_000;
    private const int End = 65_500;

    private static readonly Lock Gate = new();

    // Never disposed: the kernel closes the sockets, and so ends the reservations, when the process ends.
    private static readonly List<Socket> Reservations = [];
    private static int _next = Random.Shared.Next(First, End);

    /// <summary>A port that nothing uses for TCP or UDP; never the same one twice.</summary>
    public static ushort Reserve()
    {
        lock (Gate)
        {
            for (var tries = First; tries < End; tries++)
            {
                var port = _next;
                _next = port + 1 == End ? First : port + 1;
                if (TryReserve(port))
                {
                    return (ushort)port;
                }
            }
        }

        throw new InvalidOperationException($"All ports from {First} to {End - 1} are in use or reserved by tests.");
    }

    // A unix socket in the abstract namespace. Like a port, its name belongs to the network namespace; unlike a lock file, it leaves
    // nothing behind.
    private static bool TryReserve(int port)
    {
        var reservation = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        if (TryBind(reservation, new UnixDomainSocketEndPoint($"\0host-service-test-port-{port}"))
            && IsFree(port, SocketType.Stream) && IsFree(port, SocketType.Dgram))
        {
            Reservations.Add(reservation);
            return true;
        }

        reservation.Dispose();
        return false;
    }

    private static bool IsFree(int port, SocketType type)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, type, type == SocketType.Stream ? ProtocolType.Tcp : ProtocolType.Udp);
        return TryBind(socket, new IPEndPoint(IPAddress.Any, port));
    }

    private static bool TryBind(Socket socket, EndPoint at)
    {
        try
        {
            socket.Bind(at);
            return true;
        }
        catch (SocketException exception) when (exception.SocketErrorCode is SocketError.AddressAlreadyInUse or SocketError.AccessDenied)
        {
            return false;
        }
    }
}
