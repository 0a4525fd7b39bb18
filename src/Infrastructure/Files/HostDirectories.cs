using System.Text;
using HostService.Infrastructure.Linux.Mounts;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Files;

/// <summary>The host's own directories (B4).</summary>
public sealed partial class HostDirectories(IOptions<HostOptions> options, ILogger<HostDirectories> logger) : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode ForAll = (UnixFileMode)0b111_111_111;
    private const string Marker = ".host-service";

    /// <summary>Begins a line of the marker: this directory was bound to itself by the run that wrote it.</summary>
    private const string Bound = "bound ";
    private readonly HostOptions _options = options.Value;
    private readonly HashSet<string> _bound = new(StringComparer.Ordinal);
    private FileStream? _marker;
    private bool _made;

    /// <summary>Short-lived things; root only.</summary>
    public string Temp => Path.Combine(_options.Root, "temp");

    /// <summary>Where the last run did not clean up; null when it did.</summary>
    public string? Leftover => Path.Exists(_options.Root) ? _options.Root : null;

    /// <summary>
    /// Removes what the last run left. Only a directory that this service has made is removed: anything else may be somebody's files, and is a
    /// <see cref="IOException"/> that says so.
    /// </summary>
    public void Reclaim()
    {
        if (!File.Exists(MarkerPath))
        {
            throw new IOException($"{_options.Root} was not made by this service (it holds no {Marker}), so it is not removed: look at what it holds, move it away and start again.");
        }

        ThrowIfInUse();
        LogReclaimed(_options.Root);
        _bound.UnionWith(File.ReadLines(MarkerPath).Where(l => l.StartsWith(Bound, StringComparison.Ordinal)).Select(l => l[Bound.Length..]));
        RemoveRoot();
        Release(_options.CloudStorageRoot);
    }

    /// <summary>Throws <see cref="IOException"/> while another service that runs has these directories.</summary>
    public void ThrowIfInUse()
    {
        if (!File.Exists(MarkerPath))
        {
            return;
        }

        try
        {
            using var probe = new FileStream(MarkerPath, FileMode.Open, FileAccess.Write, FileShare.None);
        }
        catch (IOException exception)
        {
            throw new IOException($"{_options.Root} belongs to a host service that is running ({exception.Message}): end that one first, or give this one a Host:Root of its own.", exception);
        }
    }

    /// <summary>Makes all of them.</summary>
    public void Make()
    {
        _made = true;
        Directory.CreateDirectory(_options.Root);
        File.SetUnixFileMode(_options.Root, ForAll);

        // Held open and locked for as long as this process lives: that is how another one tells a running service from a crashed one. Without a buffer: a write that
        // failed, as on a full disk, must not be tried again by Dispose.
        _marker = new FileStream(
            MarkerPath, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, Share = FileShare.None, BufferSize = 0 });
        Note($"made by process {Environment.ProcessId}");
        if (_options.ManageSystem)
        {
            Ownership.GiveTo("ubuntu", _options.Root);
        }

        MakePrivate(Temp);
        MakePrivate(_options.PrivateRoot);

        // Never deleted: removing it could delete a user's files.
        Directory.CreateDirectory(_options.CloudStorageRoot);
        if (_options.ManageSystem)
        {
            // What is mounted below them later is to be seen in mandelboxes that run already.
            Share(_options.Root);
            Share(_options.CloudStorageRoot);
        }
    }

    /// <summary>
    /// Removes what <see cref="Make"/> made in this run, cloud storage apart, and the private directory only when it is empty: it may hold an operator's own certificate.
    /// May be repeated. All failures are thrown together.
    /// </summary>
    public void RemoveAll()
    {
        var failures = new List<Exception>();
        if (_made)
        {
            Try(RemoveRoot, failures);
            Try(() => Release(_options.CloudStorageRoot), failures);
        }

        if (_made && Directory.Exists(_options.PrivateRoot) && !Directory.EnumerateFileSystemEntries(_options.PrivateRoot).Any())
        {
            Try(() => Directory.Delete(_options.PrivateRoot), failures);
        }

        if (failures.Count > 0)
        {
            throw new AggregateException("Not every directory could be removed.", failures);
        }
    }

    public void Dispose() => _marker?.Dispose();

    private string MarkerPath => Path.Combine(_options.Root, Marker);

    private static void Try(Action action, List<Exception> failures)
    {
        try
        {
            action();
        }
        catch (Exception exception)
        {
            // Collected: the other directories are still owed their turn.
            failures.Add(exception);
        }
    }

    private static void MakePrivate(string path)
    {
        Directory.CreateDirectory(path);
        File.SetUnixFileMode(path, OwnerOnly);
    }

    private void Note(string line) => _marker!.Write(Encoding.UTF8.GetBytes(line + "\n"));

    private void Share(string path)
    {
        if (SharedMount.WantsBind(path))
        {
            // Noted first: whatever becomes of this run, the mount that it made is known as its own. What is mounted there already is somebody else's and stays.
            _bound.Add(path);
            Note(Bound + path);
        }

        SharedMount.Ensure(path);
    }

    private void RemoveRoot()
    {
        if (!Directory.Exists(_options.Root))
        {
            return;
        }

        // The marker last: a removal that failed or was cut short can be taken up by the next start.
        var failures = new List<Exception>();
        foreach (var directory in Directory.GetDirectories(_options.Root))
        {
            Try(() => RecursiveDelete.Remove(directory), failures);
        }

        if (failures.Count > 0)
        {
            throw new IOException(string.Join("; ", failures.Select(f => f.Message)), failures[0]);
        }

        Release(_options.Root);
        RecursiveDelete.Remove(_options.Root);
    }

    private void Release(string path)
    {
        if (_options.ManageSystem && _bound.Contains(path))
        {
            SharedMount.Release(path);
            _bound.Remove(path);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The last run did not end cleanly; {Directory} is removed")]
    private partial void LogReclaimed(string directory);
}
