using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Machine.Files;

/// <summary>The host's own directories (B4).</summary>
public sealed partial class HostDirectories(IOptions<HostOptions> options, ILogger<HostDirectories> logger)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode ForAll = (UnixFileMode)0b111_111_111;
    private const string Marker = ".host-service";
    private readonly HostOptions _options = options.Value;
    private bool _made;
    private bool _privateMade;

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
        if (!File.Exists(Path.Combine(_options.Root, Marker)))
        {
            throw new IOException($"{_options.Root} was not made by this service (it holds no {Marker}), so it is not removed: look at what it holds, move it away and start again.");
        }

        LogReclaimed(_options.Root);
        Remove(_options.Root);
    }

    /// <summary>Makes all of them.</summary>
    public void Make()
    {
        _made = true;
        Directory.CreateDirectory(_options.Root);
        File.SetUnixFileMode(_options.Root, ForAll);
        File.WriteAllText(Path.Combine(_options.Root, Marker), $"made by process {Environment.ProcessId}\n");
        if (_options.ManageSystem)
        {
            Ownership.GiveTo("ubuntu", _options.Root);
        }

        MakePrivate(Temp);
        _privateMade = !Directory.Exists(_options.PrivateRoot);
        MakePrivate(_options.PrivateRoot);

        // Never deleted: removing it could delete a user's files.
        Directory.CreateDirectory(_options.CloudStorageRoot);
    }

    /// <summary>Removes what <see cref="Make"/> made in this run, cloud storage apart. May be repeated. All failures are thrown together.</summary>
    public void RemoveAll()
    {
        var failures = new List<Exception>();
        if (_made)
        {
            Try(() => Remove(_options.Root), failures);
        }

        if (_privateMade)
        {
            Try(() => Remove(_options.PrivateRoot), failures);
        }

        if (failures.Count > 0)
        {
            throw new AggregateException("Not every directory could be removed.", failures);
        }
    }

    private static void Try(Action action, List<Exception> failures)
    {
        try
        {
            action();
        }
        catch (Exception error)
        {
            // Collected: the other directories are still owed their turn.
            failures.Add(error);
        }
    }

    private static void MakePrivate(string path)
    {
        Directory.CreateDirectory(path);
        File.SetUnixFileMode(path, OwnerOnly);
    }

    private static void Remove(string path)
    {
        if (Directory.Exists(path))
        {
            Mounts.DetachBelow(path);
            Directory.Delete(path, recursive: true);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The last run did not end cleanly; {Directory} is removed")]
    private partial void LogReclaimed(string directory);
}
