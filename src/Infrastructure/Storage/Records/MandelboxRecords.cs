using System.Text.Json;
using HostService.Infrastructure.Files;

namespace HostService.Infrastructure.Storage.Records;

/// <summary>
/// Records of the running mandelboxes, for the run after a crash. They are in memory (<c>/run</c> is), readable by root only, and gone
/// after a reboot.
/// </summary>
public sealed partial class MandelboxRecords(IOptions<HostOptions> options, ILogger<MandelboxRecords> logger)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode Directories = OwnerOnly | UnixFileMode.UserExecute;
    private const string Extension = ".json";

    private string Root { get; } = options.Value.RecordsDirectory;

    /// <exception cref="IOException">It cannot be written.</exception>
    public void Write(MandelboxRecord record)
    {
        // The mode is that of the last directory only. One that is there already may be somebody else's, and keeps its own.
        Directory.CreateDirectory(Path.GetDirectoryName(Root)!, Directories);
        Directory.CreateDirectory(Root, Directories);
        AtomicFile.Write(PathOf(record.MandelboxId), JsonSerializer.SerializeToUtf8Bytes(record), OwnerOnly);
    }

    /// <summary>The mandelboxes that have one, damaged or not.</summary>
    public IReadOnlyList<string> List() => Directory.Exists(Root)
        ? [.. Directory.EnumerateFiles(Root, $"*{Extension}").Select(path => Path.GetFileNameWithoutExtension(path))]
        : [];

    /// <summary>Those that can be read; a damaged one is logged and left out.</summary>
    public IReadOnlyList<MandelboxRecord> ReadAll() => Directory.Exists(Root)
        ? [.. Directory.EnumerateFiles(Root, $"*{Extension}").Select(Read).OfType<MandelboxRecord>()]
        : [];

    /// <summary>Null where there is none, or a damaged one.</summary>
    public MandelboxRecord? Find(string mandelboxId) => File.Exists(PathOf(mandelboxId)) ? Read(PathOf(mandelboxId)) : null;

    /// <summary>None is no error.</summary>
    public void Remove(string mandelboxId)
    {
        if (Directory.Exists(Root))
        {
            File.Delete(PathOf(mandelboxId));
        }
    }

    /// <summary>Removes what is left of records whose writer was killed before they had their names: they hold secrets.</summary>
    public void RemoveUnfinished()
    {
        foreach (var path in Directory.Exists(Root) ? Directory.GetFiles(Root) : [])
        {
            if (Path.GetFileName(path).StartsWith('.'))
            {
                File.Delete(path);
            }
        }
    }

    private string PathOf(string mandelboxId) => Path.Combine(Root, mandelboxId + Extension);

    private MandelboxRecord? Read(string path)
    {
        try
        {
            var record = JsonSerializer.Deserialize<MandelboxRecord>(File.ReadAllBytes(path));
            return record?.MandelboxId == Path.GetFileNameWithoutExtension(path)
                ? record
                : throw new JsonException("it is the record of another mandelbox");
        }
        catch (Exception exception) when (exception is JsonException or IOException or UnauthorizedAccessException)
        {
            LogDamaged(path, exception.Message);
            return null;
        }
    }

    [LoggerMessage(LogLevel.Error, "{Path} cannot be used, so the user configs of that mandelbox cannot be saved: {Reason}")]
    private partial void LogDamaged(string path, string reason);
}
