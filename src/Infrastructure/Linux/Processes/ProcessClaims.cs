using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace HostService.Infrastructure.Linux.Processes;

/// <summary>
/// Names that one process of this machine holds. Each is an abstract unix socket: the kernel gives it to one process of a network namespace
/// and frees it when that process ends, however it ends. No file is left behind, and no process id can be mistaken for another's.
/// </summary>
public sealed class ProcessClaims : IDisposable
{
    private readonly Dictionary<string, Socket> _held = new(StringComparer.Ordinal);

    /// <summary>False when another process holds the name. May be repeated.</summary>
    public bool TryTake(string name)
    {
        if (_held.ContainsKey(name))
        {
            return true;
        }

        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint($"\0{Address(name)}"));
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            if (exception.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                return false;
            }

            throw;
        }

        _held.Add(name, socket);
        return true;
    }

    /// <summary>Whether a process holds the name; it is not taken.</summary>
    public static bool IsTaken(string name) =>
        File.ReadLines("/proc/net/unix").Any(line => line.EndsWith($" @{Address(name)}", StringComparison.Ordinal));

    public void Dispose()
    {
        foreach (var socket in _held.Values)
        {
            socket.Dispose();
        }

        _held.Clear();
    }

    /// <summary>Hashed: an address has at most 107 bytes.</summary>
    private static string Address(string name) =>
        $"host-service/{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))}";
}
