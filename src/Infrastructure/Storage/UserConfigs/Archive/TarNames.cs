using System.Formats.Tar;

namespace HostService.Infrastructure.Storage.UserConfigs.Archive;

/// <summary>
/// In which format an entry is written so that our reader and <c>tar</c> both read its name back. PAX is the one that keeps fractions of a
/// second; but .NET's reader takes its records line by line and its values up to an <c>=</c>, and its <c>size</c> record, which files above
/// 8 GiB need, is refused by <see cref="TarGuard"/>. GNU's long names are plain bytes, and its sizes have no such end.
/// </summary>
internal static class TarNames
{
    /// <summary>The most that eleven octal digits say.</summary>
    private const long LargestOctal = 0x1_FFFF_FFFF;

    /// <summary>What a header holds of a name; a longer one goes before it, in a record of its own that nothing is trimmed from.</summary>
    private const int NameField = 100;

    /// <summary>Null where no format keeps the link's target.</summary>
    public static PosixTarEntry? Entry(TarEntryType type, string name, string? target = null, long size = 0)
    {
        if (size <= LargestOctal && IsPlain(name) && (target is null || IsPlain(target)))
            return target is null ? new PaxTarEntry(type, name) : new PaxTarEntry(type, name) { LinkName = target };

        // The reader trims blanks off a name that is in the header; off a path they can be kept by making it longer, off a target not.
        if (name.EndsWith(' ') && name.Length <= NameField)
            name = string.Concat(Enumerable.Repeat("./", NameField / 2)) + name;
        if (target is not null && target.EndsWith(' ') && target.Length <= NameField)
            return null;
        return target is null ? new GnuTarEntry(type, name) : new GnuTarEntry(type, name) { LinkName = target };
    }

    /// <summary>
    /// Whether this name is what decoding made of bytes that are no UTF-8: a file of such a name is there, and cannot be asked for.
    /// </summary>
    public static bool IsMangled(string name) => name.Contains('\uFFFD');

    private static bool IsPlain(string name) => name.AsSpan().IndexOfAny('\n', '=') < 0;
}
