using System.Numerics;

namespace HostService.Infrastructure.Storage.UserConfigs.Archive;

/// <summary>
/// Checks what .NET's tar reader trusts: a header may make it allocate up to 2 GiB for an extended header, and announce any number of
/// gigabytes. Counts all bytes. Refuses extended headers above 64 KiB, and those that change an entry's size, so that the guard and the
/// reader agree on where the next header is (<c>tar --format=pax</c> writes them for files above 8 GiB; our format and <c>tar</c>'s default
/// have none). Refuses sparse files, which the reader would unpack as if they were ordinary.
/// </summary>
internal sealed class TarGuard(Stream source, long maxBytes) : ForwardStream(isRead: true)
{
    private const int Block = 512;
    private const int MaxExtendedHeader = 64 * 1024;
    private readonly byte[] _header = new byte[Block];
    private readonly byte[] _extended = new byte[MaxExtendedHeader];
    private int _headerFilled;
    private int _extendedFilled;
    private int _extendedLength;
    private long _contentLeft;
    private long _read;
    private bool _ended;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var length = await source.ReadAsync(buffer, cancellationToken);
        _read += length;
        if (_read > maxBytes)
        {
            throw new DamagedArchiveException(
                $"it unpacks to more than the {maxBytes} bytes that are accepted (UserConfigs:MaxUnpackedBytes)");
        }

        Watch(buffer.Span[..length]);
        return length;
    }

    /// <summary>Reads to the end, where the checksum of the content and the padding of the cipher are checked.</summary>
    public async Task DrainAsync(CancellationToken cancellationToken)
    {
        _ended = true;
        var buffer = new byte[64 * 1024];
        while (await ReadAsync(buffer, cancellationToken) > 0)
        {
        }
    }

    private void Watch(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && !_ended)
        {
            if (_contentLeft > 0)
            {
                var skipped = (int)Math.Min(_contentLeft, bytes.Length);
                KeepExtended(bytes[..skipped]);
                _contentLeft -= skipped;
                bytes = bytes[skipped..];
                continue;
            }

            var taken = Math.Min(Block - _headerFilled, bytes.Length);
            bytes[..taken].CopyTo(_header.AsSpan(_headerFilled));
            _headerFilled += taken;
            bytes = bytes[taken..];
            if (_headerFilled == Block)
            {
                _headerFilled = 0;
                ReadHeader();
            }
        }
    }

    private void ReadHeader()
    {
        if (!_header.AsSpan().ContainsAnyExcept((byte)0))
        {
            _ended = true;
            return;
        }

        var type = (char)_header[156];
        var size = ReadSize(_header.AsSpan(124, 12));

        // Links and directories have no content, whatever the field says: GNU tar may write the length of a hard link's target.
        if (type is '1' or '2' or '3' or '4' or '5' or '6')
        {
            size = 0;
        }

        if (type is 'x' or 'g' or 'L' or 'K')
        {
            if (size > MaxExtendedHeader)
            {
                throw new DamagedArchiveException($"an extended header of {size} bytes is more than is accepted");
            }

            _extendedLength = type is 'x' or 'g' ? (int)size : 0;
            _extendedFilled = 0;
        }

        _contentLeft = (size + Block - 1) / Block * Block;
    }

    private void KeepExtended(ReadOnlySpan<byte> content)
    {
        if (_extendedFilled == _extendedLength)
        {
            return;
        }

        var taken = Math.Min(_extendedLength - _extendedFilled, content.Length);
        content[..taken].CopyTo(_extended.AsSpan(_extendedFilled));
        _extendedFilled += taken;
        if (_extendedFilled == _extendedLength)
        {
            ReadExtended(_extended.AsSpan(0, _extendedLength));
        }
    }

    /// <summary>Lines of <c>LENGTH KEY=VALUE</c>, read as the tar reader does: without the length, a value ends with its line.</summary>
    private static void ReadExtended(ReadOnlySpan<byte> records)
    {
        foreach (var line in records.Split((byte)'\n'))
        {
            var record = records[line];
            var rest = record[(record.IndexOf((byte)' ') + 1)..];
            var key = rest[..Math.Max(0, rest.IndexOf((byte)'='))];
            if (key.SequenceEqual("size"u8))
            {
                throw new DamagedArchiveException("an extended header changes the size of an entry, which only files above 8 GiB need");
            }

            if (key.StartsWith("GNU.sparse."u8))
            {
                throw new DamagedArchiveException("it holds a sparse file, as 'tar -S --format=pax' writes it: pack it without -S");
            }
        }
    }

    /// <summary>Octal digits, or, with the highest bit set, a big-endian number.</summary>
    private static long ReadSize(ReadOnlySpan<byte> field)
    {
        if ((field[0] & 0x80) != 0)
        {
            var number = new BigInteger(field[1..], isUnsigned: true, isBigEndian: true);
            return number <= long.MaxValue / 2 ? (long)number : throw new DamagedArchiveException("an entry's size is impossible");
        }

        long size = 0;
        foreach (var digit in field.Trim((byte)' ').Trim((byte)0).Trim((byte)' '))
        {
            if (digit is < (byte)'0' or > (byte)'7')
            {
                throw new DamagedArchiveException($"byte {digit} in an entry's size is not an octal digit");
            }

            size = (size * 8) + (digit - '0');
        }

        return size;
    }
}
