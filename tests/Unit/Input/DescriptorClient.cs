using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace HostService.Tests.Unit.Input;

/// <summary>The program inside a mandelbox: connects, and takes descriptors out of one message.</summary>
internal sealed unsafe partial class DescriptorClient : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly List<SafeFileHandle> _received = [];

    public DescriptorClient(string path)
    {
        _socket.ReceiveTimeout = 10_000;
        _socket.Connect(new UnixDomainSocketEndPoint(path));
    }

    /// <summary>Waits until something can be read, without reading it.</summary>
    public void WaitForSomething() => Assert.True(_socket.Poll(10_000_000, SelectMode.SelectRead));

    /// <summary>One <c>recvmsg</c>: how many bytes of data came, and the descriptors with them.</summary>
    public (int Bytes, IReadOnlyList<SafeFileHandle> Files) Receive()
    {
        var data = stackalloc byte[64];
        var control = stackalloc byte[256];
        nint* vector = stackalloc nint[2];
        (vector[0], vector[1]) = ((nint)data, 64);

        // msghdr as seven words: name, name length, vectors, their count, control, its length, flags.
        nint* message = stackalloc nint[7];
        (message[0], message[1], message[2], message[3], message[4], message[5], message[6]) = (
            0, 0, (nint)vector, 1, (nint)control, 256, 0);
        var bytes = (int)ReceiveMessage(_socket.SafeHandle, message, 0);
        Assert.True(bytes >= 0, $"recvmsg: errno {Marshal.GetLastPInvokeError()}");
        var files = new List<SafeFileHandle>();
        if (message[5] > 0)
        {
            // cmsghdr: length as a word, level, type; the descriptors follow.
            var length = *(nint*)control;
            Assert.Equal((1, 1), (((int*)control)[2], ((int*)control)[3]));
            for (var i = 0; i < (length - 16) / 4; i++)
            {
                files.Add(new SafeFileHandle(((int*)control)[4 + i], ownsHandle: true));
            }
        }

        _received.AddRange(files);
        return (bytes, files);
    }

    /// <summary>Nothing but the end of the connection.</summary>
    public void AssertTurnedAway()
    {
        var (bytes, files) = Receive();
        Assert.Equal(0, bytes);
        Assert.Empty(files);
    }

    public static string ContentOf(SafeFileHandle file)
    {
        var buffer = new byte[64];
        return Encoding.UTF8.GetString(buffer, 0, RandomAccess.Read(file, buffer, 0));
    }

    public void Dispose()
    {
        _received.ForEach(f => f.Dispose());
        _socket.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    private static partial nint ReceiveMessage(SafeHandle socket, nint* message, int flags);
}
