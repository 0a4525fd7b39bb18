using System.Text.Json;
using System.Text.Json.Serialization;
using HostService.Infrastructure.Files;

namespace HostService.Infrastructure.Storage.Records;

/// <summary>
/// The last mandelboxes that have gone, with their steps. They are also in a file, a line of JSON each: for the next run, and for an
/// operator who asks why one ended when the service has ended too. Like the records it is in memory, readable by root only, and gone after
/// a reboot. For one caller at a time.
/// </summary>
public sealed partial class EndedMandelboxes(string path, ILogger logger)
{
    /// <summary>As many lines more than are kept are in the file before it is written anew.</summary>
    private const int Slack = MandelboxHistory.Length;

    /// <summary>Far more than those lines take.</summary>
    private const long MostBytes = 64 << 20;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private static readonly JsonSerializerOptions Json =
        new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() }, RespectNullableAnnotations = true };

    private readonly Queue<MandelboxTimeline> _ended = new();
    private int _lines;
    private bool _isBroken;

    /// <summary>The newest first.</summary>
    public IEnumerable<MandelboxTimeline> Newest => _ended.Reverse();

    /// <summary>
    /// Those in a file, the newest last; none where it is missing. A line that cannot be read, such as one that a crash has cut off, is
    /// left out.
    /// </summary>
    /// <exception cref="UnauthorizedAccessException">The caller may not read it.</exception>
    /// <exception cref="IOException">It cannot be read, or is longer than 64 MiB.</exception>
    public static IReadOnlyList<MandelboxTimeline> Read(string path) => new FileInfo(path) switch
    {
        // A pipe or a device, which could keep the reader for ever, has no length. We make no links.
        { Exists: false } or { Length: 0 } or { LinkTarget: not null } => [],
        { Length: > MostBytes } => throw new IOException($"it is longer than {MostBytes >> 20} MiB"),
        _ => [.. File.ReadLines(path).Select(Parse).OfType<MandelboxTimeline>().TakeLast(MandelboxHistory.Length)],
    };

    /// <summary>
    /// Takes over what the last run left, without those whose end it did not see. A file that cannot be read costs its history, never the
    /// start.
    /// </summary>
    public void Load() => Try(() =>
    {
        AtomicFile.RemoveUnfinished(path);
        var found = Read(path);
        foreach (var ended in found.Where(e => e.Mandelbox.State == MandelboxState.Gone))
        {
            _ended.Enqueue(ended);
        }

        if (found.Count > 0)
        {
            Rewrite();
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
            if (_lines == 0 || _lines >= MandelboxHistory.Length + Slack)
            {
                Rewrite();
            }
            else
            {
                File.AppendAllBytes(path, LineOf(ended));
                _lines++;
            }
        });
    }

    private static byte[] LineOf(MandelboxTimeline ended) => [.. JsonSerializer.SerializeToUtf8Bytes(ended, Json), (byte)'\n'];

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

    private void Rewrite()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!, OwnerOnly | UnixFileMode.UserExecute);
        AtomicFile.Write(path, [.. _ended.SelectMany(LineOf)], OwnerOnly);
        _lines = _ended.Count;
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
            // The next one writes all of them.
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
