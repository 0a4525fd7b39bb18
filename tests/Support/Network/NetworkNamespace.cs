using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace HostService.Tests.Support;

/// <summary>
/// A network namespace, in which programs can be started and sockets made. It goes with the last of its processes, also when the test
/// process is killed: the one that keeps it ends with the test process.
/// </summary>
public sealed partial class NetworkNamespace : IAsyncDisposable
{
    private const int NewNet = 0x40000000;

    private static readonly SafeFileHandle Own = Open("/proc/self/ns/net");

    private readonly Process _keeper;
    private readonly SafeFileHandle _handle;

    private NetworkNamespace(Process keeper)
    {
        _keeper = keeper;
        _handle = Open(Path);
    }

    /// <summary>A process that is in it.</summary>
    public int Pid => _keeper.Id;

    private string Path => $"/proc/{Pid}/ns/net";

    /// <summary>A new one, whose loopback is up.</summary>
    public static async Task<NetworkNamespace> CreateAsync()
    {
        var start = new ProcessStartInfo("unshare", ["--net", "sh", "-c", "echo; read -r _"])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        var keeper = Process.Start(start)!;
        if (await keeper.StandardOutput.ReadLineAsync() is null)
        {
            throw new InvalidOperationException("unshare made no network namespace");
        }

        var made = new NetworkNamespace(keeper);
        await made.RunAsync("ip", "link", "set", "lo", "up");
        return made;
    }

    /// <summary>The command line that runs this one in here, in the process that is started.</summary>
    public string[] Enter(params string[] command) => ["nsenter", $"--net={Path}", .. command];

    /// <summary>Runs a program in here to its end; fails unless it ends with 0.</summary>
    public Task RunAsync(params string[] command) => Command.RunAsync(Enter(command));

    /// <summary>A TCP socket of this network.</summary>
    public Socket NewSocket()
    {
        // Of this thread only, which does nothing else meanwhile.
        Switch(_handle);
        try
        {
            return new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        }
        finally
        {
            Switch(Own);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _handle.Dispose();
        _keeper.StandardInput.Close();
        await _keeper.WaitForExitAsync();
        _keeper.Dispose();
    }

    private static SafeFileHandle Open(string path) => File.OpenHandle(path, share: FileShare.ReadWrite);

    private static void Switch(SafeFileHandle network)
    {
        if (SetNamespace(network, NewNet) != 0)
        {
            throw new Win32Exception();
        }
    }

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNamespace(SafeFileHandle network, int kind);
}
