using System.Net.Sockets;
using System.Text;

namespace HostService.Tests.Unit.Systemd;

/// <summary>systemd's end of <c>NOTIFY_SOCKET</c>: a real unix datagram socket.</summary>
internal sealed class NotifySocket : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("notify");
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

    public NotifySocket(bool inTheAbstractNamespace = false)
    {
        var name = Path.Combine(_directory.FullName, "socket");
        Address = inTheAbstractNamespace ? "@" + name : name;
        _socket.Bind(new UnixDomainSocketEndPoint(inTheAbstractNamespace ? "\0" + name : name));
        _socket.ReceiveTimeout = 10_000;
    }

    /// <summary>As systemd writes it into the environment.</summary>
    public string Address { get; }

    public bool IsEmpty => _socket.Available == 0;

    public string Receive()
    {
        var buffer = new byte[4096];
        return Encoding.UTF8.GetString(buffer, 0, _socket.Receive(buffer));
    }

    public void Dispose()
    {
        _socket.Dispose();
        _directory.Delete(recursive: true);
    }
}
