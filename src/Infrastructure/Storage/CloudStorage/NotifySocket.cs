using System.Net.Sockets;
using System.Text;

namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>
/// Where rclone announces its mount, in systemd's way: a datagram <c>READY=1</c>. In the abstract namespace, so that no path is too long
/// and nothing is left behind; whoever else may write to it can make us look once more, and no more than that.
/// </summary>
internal sealed class NotifySocket : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly string _name = $"host-service/rclone/{Guid.NewGuid():N}";

    public NotifySocket() => _socket.Bind(new UnixDomainSocketEndPoint("\0" + _name));

    /// <summary>For <c>NOTIFY_SOCKET</c>.</summary>
    public string Address => "@" + _name;

    /// <summary>Waits for the next announcement.</summary>
    public async Task WaitAsync(CancellationToken cancellationToken)
    {
        var buffer = new byte[4096];
        while (true)
        {
            var length = await _socket.ReceiveAsync(buffer, cancellationToken);
            if (Encoding.UTF8.GetString(buffer, 0, length).Split('\n').Contains("READY=1"))
                return;
        }
    }

    /// <summary>Reads on until disposed: rclone reports its state here from time to time, and would wait if nobody read it.</summary>
    public async Task DrainAsync()
    {
        var buffer = new byte[4096];
        try
        {
            while (true)
                await _socket.ReceiveAsync(buffer);
        }
        catch (Exception e) when (e is ObjectDisposedException or SocketException)
        {
            // Disposed: the end that this loop waits for.
        }
    }

    public void Dispose() => _socket.Dispose();
}
