using System.Net.Sockets;
using HostService.Infrastructure.Linux.Network;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Network;

public sealed class UnixSocketsTests
{
    [Fact]
    public void Sockets_below_a_directory_are_listed_while_somebody_listens()
    {
        using var directory = new ScratchDirectory();
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(directory["a b.sock"]));
        Assert.Empty(UnixSockets.ListeningBelow(directory.Path));

        listener.Listen();
        Assert.Equal([directory["a b.sock"]], UnixSockets.ListeningBelow(directory.Path));
        Assert.Empty(UnixSockets.ListeningBelow(directory["a"]));

        listener.Dispose();
        Assert.Empty(UnixSockets.ListeningBelow(directory.Path));
    }
}
