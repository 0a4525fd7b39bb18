using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace HostService.Infrastructure.Storage.Records;

/// <summary>
/// The last mandelboxes that have gone, with their steps. They are also in a file, a line of JSON each: for the next run, and for an
/// operator who asks why one ended when the service has ended too. Like the records it is in memory, readable by root only, and gone after
/// a reboot. A full file becomes the older one of two. For one caller at a time.
/// </summary>
public sealed partial class EndedMandelboxes(string path, ILogger logger)
{
    /// <summary>Far more than a full file takes.</summary>
    private const long MostBytes = 64 << 20;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private static readonly FileStreamOptions Append =
        new() { Mode = FileMode.Append, Access = FileAccess.Write, UnixCreateMode = OwnerOnly, BufferSize = 0 };

    private static readonly JsonSerializerOptions Json =
        new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() }, RespectNullableAnnotations = true };

    private readonly Queue<MandelboxTimeline> _ended = new();
    private readonly ArrayBufferWriter<byte> _line = new();
    private int _lines;
    private bool _isBroken;

    /// <summary>The newest first.</summary>
    public IEnumerable<MandelboxTimeline> Newest => _ended.Reverse();

    /// <summary>
    /// Those in the file and the older one, the newest last; none where both are missing. A line that cannot be read, such as one that a
    /// crash has cut off, is left out.
    /// </summary>
    /// <exception cref="UnauthorizedAccessException">The caller may not read it.</exception>
    /// <exception cref="IOException">It cannot be read, or is longer than 64 MiB.</exception>
    public static IReadOnlyList<MandelboxTimeline> Read(string path) =>
        [.. ReadOne(Older(path)).Concat(ReadOne(path)).TakeLast(MandelboxHistory.Length)];

    /// <summary>
    /// Takes over what the last run left, without those whose end it did not see: they may go on in this run. Files that cannot be read
    /// cost their history, never the start.
    /// </summary>
    public void Load() => Try(() =>
    {
        IReadOnlyList<MandelboxTimeline> found;
        try
        {
            found = Read(path);
        }
        finally
        {
            foreach (var file in new[] { Older(path), path }.Where(Path.Exists))
            {
                File.Delete(file);
            }
        }

        foreach (var ended in found.Where(e => e.Mandelbox.State == MandelboxState.Gone))
        {
            Add(ended);
        }
    });

    public void Add(MandelboxTimeline ended)
    {
        _ended.Enqueue(ended);
        if (_ended.Count > MandelboxHistory.Length)
        {
            _ended.Dequeue();
        }

        Try(() =>
        {
            if (_lines >= MandelboxHistory.Length)
            {
                File.Move(path, Older(path), overwrite: true);
                _lines = 0;
            }

            if (_lines == 0)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(path)!, OwnerOnly | UnixFileMode.UserExecute);
            }

            using var file = new FileStream(path, Append);
            file.Write(LineOf(ended));
            _lines++;
        });
    }

    private static string Older(string path) => $"{path}.1";

    private static IEnumerable<MandelboxTimeline> ReadOne(string path) => new FileInfo(path) switch
    {
        // A pipe or a device, which could keep the reader for ever, has no length. We make no links.
        { Exists: false } or { Length: 0 } or { LinkTarget: not null } => [],
        { Length: > MostBytes } => throw new IOException($"it is longer than {MostBytes >> 20} MiB"),
        _ => File.ReadLines(path).Select(Parse).OfType<MandelboxTimeline>(),
    };

    private static MandelboxTimeline? Parse(string line)
    {
        try
        {
            var ended = JsonSerializer.Deserialize<MandelboxTimeline>(line, Json);
            return ended is { Mandelbox: not null, Steps: not null } ? ended : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The line feed is before the line: the last one may have been cut off.</summary>
    private ReadOnlySpan<byte> LineOf(MandelboxTimeline ended)
    {
        _line.ResetWrittenCount();
        _line.Write("\n"u8);
        using (var json = new Utf8JsonWriter(_line))
        {
            JsonSerializer.Serialize(json, ended, Json);
        }

        return _line.WrittenSpan;
    }

    private void Try(Action work)
    {
        try
        {
            work();
            _isBroken = false;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            _lines = 0;
            if (!_isBroken)
            {
                _isBroken = true;
                LogBroken(path, exception.Message);
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "{Path} cannot be used, so the next run will not know the mandelboxes that have gone: {Reason}")]
    private partial void LogBroken(string path, string reason);
}
