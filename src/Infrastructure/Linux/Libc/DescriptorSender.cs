using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Linux.Libc;

/// <summary>Passes open files to another process over a unix socket.</summary>
internal static unsafe class DescriptorSender
{
    /// <summary>Sends a message with these descriptors; the receiver gets copies. Throws <see cref="Win32Exception"/>.</summary>
    /// <param name="message">At least one byte on a stream socket, which carries descriptors only together with data.</param>
    public static void Send(Socket socket, ReadOnlySpan<byte> message, IReadOnlyList<SafeFileHandle> files)
    {
        var rights = files.Count * sizeof(int);
        var size = sizeof(SocketCalls.ControlHeader) + ((rights + 7) & ~7);
        var control = stackalloc byte[size];
        var header = (SocketCalls.ControlHeader*)control;
        header->Length = (nuint)(sizeof(SocketCalls.ControlHeader) + rights);
        header->Level = SocketCalls.SocketLevel;
        header->Type = SocketCalls.ScmRights;

        var held = 0;
        try
        {
            for (; held < files.Count; held++)
            {
                var added = false;
                files[held].DangerousAddRef(ref added);
                ((int*)(header + 1))[held] = (int)files[held].DangerousGetHandle();
            }

            fixed (byte* data = message)
            {
                var vector = new SocketCalls.Vector { Base = data, Length = (nuint)message.Length };
                Send(socket, new() { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = (nuint)size });
            }
        }
        finally
        {
            while (held > 0)
            {
                files[--held].DangerousRelease();
            }
        }
    }

    private static void Send(Socket socket, SocketCalls.MessageHeader message)
    {
        while (SocketCalls.SendMessage(socket.SafeHandle, &message, SocketCalls.NoSignal) < 0)
        {
            var error = Marshal.GetLastPInvokeError();
            if (error != FileCalls.ErrorInterrupted)
            {
                throw new Win32Exception(error);
            }
        }
    }
}
