using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using HostService.Infrastructure.Linux.Libc;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Input;

/// <summary>Passes open files to another process over a unix socket.</summary>
internal static unsafe class DescriptorSender
{
    /// <summary>Sends one byte with these descriptors; the receiver gets copies. Throws <see cref="Win32Exception"/>.</summary>
    public static void Send(Socket socket, IReadOnlyList<SafeFileHandle> files)
    {
        var rights = files.Count * sizeof(int);
        var size = sizeof(SocketCalls.ControlHeader) + ((rights + 7) & ~7);
        var control = stackalloc byte[size];
        var header = (SocketCalls.ControlHeader*)control;
        header->Length = (nuint)(sizeof(SocketCalls.ControlHeader) + rights);
        header->Level = SocketCalls.SocketLevel;
        header->Type = SocketCalls.ScmRights;

        // A stream socket carries descriptors only together with data.
        byte data = 0;
        var vector = new SocketCalls.Vector { Base = &data, Length = 1 };
        var message = new SocketCalls.MessageHeader { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = (nuint)size };
        var held = 0;
        try
        {
            for (; held < files.Count; held++)
            {
                var added = false;
                files[held].DangerousAddRef(ref added);
                ((int*)(header + 1))[held] = (int)files[held].DangerousGetHandle();
            }

            while (SocketCalls.SendMessage(socket.SafeHandle, &message, SocketCalls.NoSignal) < 0)
            {
                var error = Marshal.GetLastPInvokeError();
                if (error != FileCalls.ErrorInterrupted)
                {
                    throw new Win32Exception(error);
                }
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
}
