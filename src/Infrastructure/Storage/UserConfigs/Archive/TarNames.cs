using System.Formats.Tar;

namespace HostService.Infrastructure.Storage.UserConfigs.Archive;

/// <summary>
/// Chooses an entry's format, so that .NET's reader and <c>tar</c> both read its name back. PAX keeps fractions of a second. But .NET reads
/// its records line by line and values up to an <c>=</c>, and <see cref="TarGuard"/> refuses its <c>size</c> record, which files above 8
/// GiB need. GNU's long names are plain bytes, and its sizes are not limited.
/// </summary>
internal static class TarNames
{
    /// <summary>The largest number of eleven octal digits.</summary>
    private const long LargestOctal = 0x1_FFFF_FFFF;

    /// <summary>The length of the name field. A longer name goes into a record of its own, which is not trimmed.</summary>
    private const int NameField = 100;

    /// <summary>Null where no format can hold the link's target.</summary>
    public static PosixTarEntry? Entry(TarEntryType type, string name, string? target = null, long size = 0)
    {
        if (size <= LargestOctal && IsPlain(name) && (target is null || IsPlain(target)))
        {
            return target is null ? new PaxTarEntry(type, name) : new PaxTarEntry(type, name) { LinkName = target };
        }

        // The reader trims blanks from a name in the header. A path can be made longer to keep them, a link's target cannot.
        if (name.EndsWith(' ') && name.Length <= NameField)
        {
            name = string.Concat(Enumerable.Repeat("./", NameField / 2)) + name;
        }

        if (target is not null && target.EndsWith(' ') && target.Length <= NameField)
        {
            return null;
        }

        return target is null ? new GnuTarEntry(type, name) : new GnuTarEntry(type, name) { LinkName = target };
    }

    /// <summary>Whether the name's bytes were not valid UTF-8. Such a file exists, but .NET cannot open it.</summary>
    public static bool IsMangled(string name) => name.Contains('\uFFFD');

    private static bool IsPlain(string name) => name.AsSpan().IndexOfAny('\n', '=') < 0;
}
