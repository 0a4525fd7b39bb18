using System.Collections.Concurrent;

namespace HostService.Infrastructure.Storage.UserConfigs;

/// <summary>
/// The memory of all uploads together. Each upload has a buffer of its own, so that it makes progress whatever the others do; it begins
/// small and grows up to the size of a part. A few further buffers, shared by all, let an upload fill the next part while others are sent.
/// So 54 large saves at once take at most 54 + <see cref="Shared"/> parts, not 54 times three.
/// </summary>
/// <param name="shared">How many parts all uploads share.</param>
internal sealed class PartBuffers(int shared)
{
    /// <summary>S3's minimum for all parts but the last. With at most 10 000 parts an upload holds 52 GB.</summary>
    public const int PartSize = 5 * 1024 * 1024;

    /// <summary>The initial size of an upload's own buffer.</summary>
    public const int Smallest = 64 * 1024;

    /// <summary>For a whole host: 80 MiB, enough for as many uploads as its network can serve at once.</summary>
    public const int Shared = 16;

    private readonly ConcurrentBag<byte[]> _spare = [];
    private int _left = shared;
    private long _bytes;
    private long _most;

    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>The most that uploads ever held at once.</summary>
    public long Most => Volatile.Read(ref _most);

    /// <summary>A shared buffer of a part's size; null when all are in use.</summary>
    public byte[]? TryTake()
    {
        if (Interlocked.Decrement(ref _left) < 0)
        {
            Interlocked.Increment(ref _left);
            return null;
        }

        Count(PartSize);
        return _spare.TryTake(out var spare) ? spare : new byte[PartSize];
    }

    public void Return(byte[] buffer)
    {
        Count(-PartSize);
        _spare.Add(buffer);
        Interlocked.Increment(ref _left);
    }

    /// <summary>Counts an upload's own buffer when it grows or is released.</summary>
    public void Count(int bytes)
    {
        var now = Interlocked.Add(ref _bytes, bytes);
        for (var most = Most; now > most && Interlocked.CompareExchange(ref _most, now, most) != most; most = Most)
        {
        }
    }
}
