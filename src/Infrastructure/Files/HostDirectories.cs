using System.Text;
using HostService.Infrastructure.Linux.Libc;
using HostService.Infrastructure.Linux.Mounts;

namespace HostService.Infrastructure.Files;

/// <summary>The host's own directories (B4).</summary>
public sealed partial class HostDirectories(IOptions<HostOptions> options, ILogger<HostDirectories> logger) : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode ForAll = (UnixFileMode)0b111_111_111;
    private const string Marker = ".host-service";

    /// <summary>Starts a line of the marker that names a directory which this run bound to itself.</summary>
    private const string Bound = "bound ";

    private readonly HostOptions _options = options.Value;
    private readonly HashSet<string> _bound = new(StringComparer.Ordinal);
    private FileStream? _marker;
    private bool _made;

    /// <summary>For root only.</summary>
    public string Temp => Path.Combine(_options.Root, "temp");

    /// <summary>The directory that the last run did not remove; null when it did, or when this run has made it.</summary>
    public string? Leftover => !_made && Path.Exists(_options.Root) ? _options.Root : null;

    /// <summary>Mandelboxes whose containers may still run: <see cref="RemoveAll"/> leaves what these use.</summary>
    public IReadOnlyCollection<string> InUseBy { get; set; } = [];

    /// <summary>Removes the directories of a run that did not end cleanly; none is no error.</summary>
    /// <param name="kept">Ids of mandelboxes that go on: what they use stays.</param>
    /// <exception cref="IOException">See <see cref="ThrowIfNotReclaimable"/>.</exception>
    public void Reclaim(IReadOnlyCollection<string> kept)
    {
        if (Leftover is null)
        {
            return;
        }

        ThrowIfNotReclaimable();
        var lines = IsEmpty ? [] : File.ReadLines(MarkerPath);
        var bound = lines.Where(l => l.StartsWith(Bound, StringComparison.Ordinal));
        _bound.UnionWith(bound.Select(l => l[Bound.Length..]));
        if (kept.Count > 0)
        {
            var directories = Directory.GetDirectories(_options.Root).Concat(Directory.Exists(Temp) ? Directory.GetDirectories(Temp) : []);
            RemoveEach(directories.Where(d => d != Temp && d != _options.LogsDirectory && !kept.Contains(Path.GetFileName(d))));
            return;
        }

        LogReclaimed(_options.Root);
        RemoveRoot();
        Release(_options.CloudStorageRoot);
    }

    /// <summary>Whether <see cref="Reclaim"/> may remove the root.</summary>
    /// <exception cref="IOException">
    /// The root was not made by this service, so it may hold somebody's files; or a running service uses it.
    /// </exception>
    public void ThrowIfNotReclaimable()
    {
        if (!File.Exists(MarkerPath))
        {
            if (IsEmpty)
            {
                // Of a run that was killed before it could write the marker, or after it had removed it.
                return;
            }

            throw new IOException(
                $"{_options.Root} was not made by this service (it has no {Marker}), so it is not removed: move it away.");
        }

        try
        {
            using var probe = new FileStream(MarkerPath, FileMode.Open, FileAccess.Write, FileShare.None);
        }
        catch (IOException exception)
        {
            throw new IOException(
                $"{_options.Root} is used by a running host service ({exception.Message}): stop it, or set another Host:Root.",
                exception);
        }
    }

    public void Make()
    {
        Directory.CreateDirectory(_options.Root);

        // Open and locked while this process lives, so that another one can tell a running service from a crashed one. Without a buffer:
        // what a full disk refused would be written, and refused, once more on Dispose.
        try
        {
            _marker = new FileStream(MarkerPath, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        }
        catch when (!Directory.EnumerateFileSystemEntries(_options.Root).Any())
        {
            Directory.Delete(_options.Root);
            throw;
        }

        // Only now: before, the tree may be another service's.
        _made = true;
        File.SetUnixFileMode(_options.Root, ForAll);
        WriteMarker($"made by process {Environment.ProcessId}");
        foreach (var bound in _bound)
        {
            // By an earlier run, whose mandelboxes go on.
            WriteMarker(Bound + bound);
        }

        if (_options.ManageSystem)
        {
            OwnerCalls.GiveTo("ubuntu", _options.Root);
        }

        MakePrivate(Temp);
        MakePrivate(_options.PrivateRoot);

        // Never deleted: removing it could delete a user's files.
        Directory.CreateDirectory(_options.CloudStorageRoot);
        if (_options.ManageSystem)
        {
            // Running mandelboxes must see what is mounted below these later.
            Share(_options.Root);
            Share(_options.CloudStorageRoot);
        }
    }

    /// <summary>
    /// Removes what <see cref="Make"/> made in this run, except for cloud storage. The private directory is removed only when empty: it may
    /// hold an operator's certificate. May be repeated. All failures are thrown together.
    /// </summary>
    public void RemoveAll()
    {
        var failures = new List<Exception>();
        if (_made && InUseBy.Count > 0)
        {
            // Once, although the shutdown asks twice.
            _made = false;
            LogInUse(_options.Root, string.Join(", ", InUseBy));
        }
        else if (_made)
        {
            Try(RemoveRoot, failures);
            Try(() => Release(_options.CloudStorageRoot), failures);
        }

        if (_marker is not null
            && Directory.Exists(_options.PrivateRoot)
            && !Directory.EnumerateFileSystemEntries(_options.PrivateRoot).Any())
        {
            Try(() => Directory.Delete(_options.PrivateRoot), failures);
        }

        if (Directory.Exists(_options.RecordsDirectory) && !Directory.EnumerateFileSystemEntries(_options.RecordsDirectory).Any())
        {
            Try(() => Directory.Delete(_options.RecordsDirectory), failures);
        }

        if (failures.Count > 0)
        {
            throw new AggregateException("Not every directory could be removed.", failures);
        }
    }

    public void Dispose() => _marker?.Dispose();

    private bool IsEmpty => Directory.Exists(_options.Root) && !Directory.EnumerateFileSystemEntries(_options.Root).Any();

    private string MarkerPath => Path.Combine(_options.Root, Marker);

    private static void Try(Action action, List<Exception> failures)
    {
        try
        {
            action();
        }
        catch (Exception exception)
        {
            // Collected, so that the other directories are removed nevertheless.
            failures.Add(exception);
        }
    }

    private static void MakePrivate(string path)
    {
        Directory.CreateDirectory(path);
        File.SetUnixFileMode(path, OwnerOnly);
    }

    private void WriteMarker(string line) => _marker!.Write(Encoding.UTF8.GetBytes(line + "\n"));

    private void Share(string path)
    {
        if (SharedMount.WantsBind(path))
        {
            // Recorded before it is made, so that the next run knows it after a crash. A mount that exists already is somebody else's and
            // stays.
            _bound.Add(path);
            WriteMarker(Bound + path);
        }

        SharedMount.Ensure(path);
    }

    private void RemoveRoot()
    {
        if (!Directory.Exists(_options.Root))
        {
            return;
        }

        // The marker goes last, so that the next start can finish a removal that failed or was interrupted.
        RemoveEach(Directory.GetDirectories(_options.Root));
        Release(_options.Root);
        RecursiveDelete.Remove(_options.Root);
    }

    private static void RemoveEach(IEnumerable<string> directories)
    {
        var failures = new List<Exception>();
        foreach (var directory in directories)
        {
            Try(() => RecursiveDelete.Remove(directory), failures);
        }

        if (failures.Count > 0)
        {
            throw new IOException(string.Join("; ", failures.Select(f => f.Message)), failures[0]);
        }
    }

    private void Release(string path)
    {
        if (_options.ManageSystem && _bound.Contains(path))
        {
            SharedMount.Release(path);
            _bound.Remove(path);
        }
    }

    [LoggerMessage(LogLevel.Warning, "The last run did not end cleanly: removing {Directory}")]
    private partial void LogReclaimed(string directory);

    [LoggerMessage(
        LogLevel.Error, "{Directory} is left behind: the containers of these mandelboxes may still run, and use it: {Mandelboxes}")]
    private partial void LogInUse(string directory, string mandelboxes);
}
