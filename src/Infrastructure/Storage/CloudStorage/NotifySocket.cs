using System.Net.Sockets;
using System.Text;

namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>
/// Receives rclone's <c>READY=1</c>, the datagram of systemd's notify protocol. In the abstract namespace, so that no path is too long and
/// nothing is left behind. Other processes can write to it, too: that only makes us look at the mount table once more.
/// </summary>
internal sealed class NotifySocket : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly string _name = $"host-service/rclone/{Guid.NewGuid():N}";

    public NotifySocket() => _socket.Bind(new UnixDomainSocketEndPoint("\0" + _name));

    /// <summary>For <c>NOTIFY_SOCKET</c>.</summary>
    public string Address => "@" + _name;

    /// <summary>Waits for the next <c>READY=1</c>.</summary>
    public async Task WaitAsync(CancellationToken cancellationToken)
    {
        var buffer = new byte[4096];
        while (true)
        {
            var length = await _socket.ReceiveAsync(buffer, cancellationToken);
            if (Encoding.UTF8.GetString(buffer, 0, length).Split('\n').Contains("READY=1"))
            {
                return;
            }
        }
    }

    /// <summary>Reads on until disposed: rclone reports its state here from time to time, and would block if nobody read it.</summary>
    public async Task DrainAsync()
    {
        var buffer = new byte[4096];
        try
        {
            while (true)
            {
                await _socket.ReceiveAsync(buffer);
            }
        }
        catch (Exception exception) when (exception is ObjectDisposedException or SocketException)
        {
            // Disposed.
        }
    }

    public void Dispose() => _socket.Dispose();
}
