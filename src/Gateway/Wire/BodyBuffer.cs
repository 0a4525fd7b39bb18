using System.Security.Cryptography;
using HostService.Gateway.Limits;

namespace HostService.Gateway.Wire;

/// <summary>Holds a body while it arrives. Not pooled: a pool would keep what a flood of large bodies made it allocate.</summary>
internal sealed class BodyBuffer(ClientQuota.Lease quota, long? promised) : IDisposable
{
    /// <summary>Every request has this much: any body that our callers send fits. More counts against the quota.</summary>
    public const int Free = 16 * 1024;

    private const int First = 4096;

    /// <summary>What the largest body needs: the buffer doubles, and one byte of room is needed to read that the body has ended.</summary>
    public const int Largest = 2 * WireReader.LargestBody;

    /// <summary>At first as long as the caller has promised, and a byte more: it is needed to read that the body has ended.</summary>
    private byte[] _bytes = new byte[Math.Clamp((promised ?? First) + 1, 1, First)];
    private int _length;

    public int Length => _length;

    public ReadOnlySpan<byte> Content => _bytes.AsSpan(0, _length);

    /// <summary>Where the next bytes go; never empty.</summary>
    public Memory<byte> Space => _bytes.AsMemory(_length);

    /// <summary>Adds bytes that were read into <see cref="Space"/>; false when the quota does not allow the next larger buffer.</summary>
    public bool TryAdvance(int read)
    {
        _length += read;
        if (_length < _bytes.Length)
        {
            return true;
        }

        var larger = _bytes.Length * 2;
        if (larger > Free && !quota.TryAdd(larger - Math.Max(_bytes.Length, Free)))
        {
            return false;
        }

        var old = _bytes;
        _bytes = new byte[larger];
        old.CopyTo(_bytes, 0);
        CryptographicOperations.ZeroMemory(old);
        return true;
    }

    /// <summary>Clears it: it held secrets.</summary>
    public void Dispose() => CryptographicOperations.ZeroMemory(_bytes);
}
