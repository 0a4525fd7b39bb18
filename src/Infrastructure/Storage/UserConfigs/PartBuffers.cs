using System.Collections.Concurrent;

namespace HostService.Infrastructure.Storage.UserConfigs;

/// <summary>
/// The memory of all uploads of this process together. Each upload has a buffer of its own, so that it gets on whatever the others do; it
/// begins small and grows to a part's size only where there is that much to send. What makes an upload faster than that, parts on their way
/// while the next one fills, comes from a few buffers that all share. So 54 large saves at once take 54 + <see cref="Shared"/> parts at
/// most, not 54 times three.
/// </summary>
/// <param name="shared">How many parts all uploads share.</param>
internal sealed class PartBuffers(int shared)
{
    /// <summary>The least that S3 takes of a part that is not the last. It takes 10 000 of them: 52 GB.</summary>
    public const int PartSize = 5 * 1024 * 1024;

    /// <summary>What an upload begins with.</summary>
    public const int Smallest = 64 * 1024;

    /// <summary>For a whole host: some 80 MiB, and enough for as many uploads as its network can serve at once.</summary>
    public const int Shared = 16;

    private readonly ConcurrentBag<byte[]> _spare = [];
    private int _left = shared;
    private long _bytes;
    private long _most;

    /// <summary>Bytes that uploads hold now.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>The most that they ever held at once.</summary>
    public long Most => Volatile.Read(ref _most);

    /// <summary>A shared buffer of a part's size; null where others have all of them.</summary>
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

    public void GiveBack(byte[] buffer)
    {
        Count(-PartSize);
        _spare.Add(buffer);
        Interlocked.Increment(ref _left);
    }

    /// <summary>An upload's own buffer grows, or goes.</summary>
    public void Count(int bytes)
    {
        var now = Interlocked.Add(ref _bytes, bytes);
        for (var most = Most; now > most && Interlocked.CompareExchange(ref _most, now, most) != most; most = Most)
        {
        }
    }
}
