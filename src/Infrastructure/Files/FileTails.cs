using System.Text;
using HostService.Infrastructure.Linux.Libc;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Files;

/// <summary>The ends of files in a directory in which untrusted programs could create anything.</summary>
internal static class FileTails
{
    private const int MostFiles = 20;

    /// <summary>Of a directory with more names, those that the file system lists first.</summary>
    private const int MostNames = 10_000;
    private const int MostBytes = 256 * 1024;

    /// <inheritdoc cref="IMandelboxFiles.ReadTails"/>
    public static IReadOnlyList<FileTail> Read(string path, int lines)
    {
        using var directory = DirectoryCalls.TryOpenDirectory(path);
        if (directory is null)
        {
            return [];
        }

        var tails = new List<FileTail>();
        var names = DirectoryCalls.Names(directory).Take(MostNames).OrderBy(NameOf, StringComparer.Ordinal);
        foreach (var name in names.TakeWhile(_ => tails.Count < MostFiles))
        {
            using var file = DirectoryCalls.OpenBeneath(directory, name);
            if (file is not null && DirectoryCalls.Status(file) is { IsRegularFile: true } status)
            {
                tails.Add(new FileTail(NameOf(name), Read(file, status.Size, lines)));
            }
        }

        return tails;
    }

    private static byte[] Read(SafeFileHandle file, long size, int lines)
    {
        var from = Math.Max(0, size - MostBytes);
        var buffer = new byte[size - from];
        var length = RandomAccess.Read(file, buffer, from);
        var read = buffer.AsSpan(0, length);
        return LastLines(from > 0 ? read[(read.IndexOf((byte)'\n') + 1)..] : read, lines).ToArray();
    }

    /// <summary>A line feed at the end begins no further line.</summary>
    private static ReadOnlySpan<byte> LastLines(ReadOnlySpan<byte> text, int lines)
    {
        var at = text.Length - (text is [.., (byte)'\n'] ? 1 : 0);
        for (var line = 0; line < lines && at >= 0; line++)
        {
            at = text[..at].LastIndexOf((byte)'\n');
        }

        return text[(at + 1)..];
    }

    /// <param name="name">With its zero.</param>
    private static string NameOf(byte[] name) =>
        string.Concat(Encoding.UTF8.GetString(name, 0, name.Length - 1).Select(c => char.IsControl(c) ? '?' : c));
}
