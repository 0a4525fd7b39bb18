using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Input.Native;

/// <summary>Hands open files to another process over a unix socket.</summary>
internal static unsafe class DescriptorSender
{
    /// <summary>One message with one byte and these descriptors, in this order. The receiver gets copies of its own. Throws <see cref="Win32Exception"/>.</summary>
    public static void Send(Socket socket, IReadOnlyList<SafeFileHandle> files)
    {
        var rights = files.Count * sizeof(int);
        var control = stackalloc byte[sizeof(Libc.ControlHeader) + ((rights + 7) & ~7)];
        var header = (Libc.ControlHeader*)control;
        header->Length = (nuint)(sizeof(Libc.ControlHeader) + rights);
        header->Level = Libc.SocketLevel;
        header->Type = Libc.ScmRights;

        // A stream carries descriptors only along with data.
        byte data = 0;
        var vector = new Libc.Vector { Base = &data, Length = 1 };
        var message = new Libc.MessageHeader
        {
            Vectors = &vector,
            VectorCount = 1,
            Control = control,
            ControlLength = (nuint)(sizeof(Libc.ControlHeader) + ((rights + 7) & ~7)),
        };
        var held = 0;
        try
        {
            for (; held < files.Count; held++)
            {
                var added = false;
                files[held].DangerousAddRef(ref added);
                ((int*)(header + 1))[held] = (int)files[held].DangerousGetHandle();
            }

            while (Libc.SendMessage(socket.SafeHandle, &message, Libc.NoSignal) < 0)
            {
                var exception = Marshal.GetLastPInvokeError();
                if (exception != Libc.ErrorInterrupted)
                {
                    throw new Win32Exception(exception);
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
