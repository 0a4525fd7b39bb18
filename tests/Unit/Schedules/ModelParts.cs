using HostService.Infrastructure.Files;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Storage.UserConfigs;

namespace HostService.Tests.Unit.Schedules;

/// <summary>Directories in memory. Removing one that a running container has bound is a violation.</summary>
internal sealed class ModelFiles(ScheduledHost host) : IMandelboxFiles
{
    private readonly HashSet<string> _directories = new(StringComparer.Ordinal);

    /// <summary>Whose user configs are in a directory.</summary>
    private readonly Dictionary<string, string> _users = new(StringComparer.Ordinal);

    public IReadOnlyCollection<string> Directories => _directories;

    public bool Has(string path) => _directories.Contains(path);

    public void MakeDirectory(string path) => _directories.Add(path);

    public void MoveDirectory(string from, string to)
    {
        // The other mandelbox may have ended meanwhile.
        if (!_directories.Remove(from))
        {
            throw new IOException($"{from} does not exist");
        }

        host.Check(!_users.ContainsKey(from), $"{to} got the user configs of {_users.GetValueOrDefault(from)}");
        _users.Remove(to);
        _directories.Add(to);
    }

    /// <summary>The user configs of this user are there from now on, and nobody else's may be.</summary>
    public void Fill(string directory, string user)
    {
        host.Check(_users.TryAdd(directory, user) || _users[directory] == user, $"{directory} has the user configs of two users");
    }

    public Task WriteAsync(string directory, string name, string content, CancellationToken cancellationToken) => Has(directory)
        ? Task.CompletedTask
        : Task.FromException(new IOException($"{directory} does not exist"));

    public Task<bool> WaitForAsync(string directory, string name, TimeSpan timeout, CancellationToken cancellationToken) =>
        Task.FromResult(true);

    public void KeepLogs(string path) => _directories.RemoveWhere(d => d.StartsWith(path, StringComparison.Ordinal));

    public IReadOnlyList<FileTail> ReadTails(string directory, int lines) => [];

    public Task RemoveAsync(string path, CancellationToken cancellationToken)
    {
        host.Check(!host.IsRunning(Path.GetFileName(path)), $"{path} was removed under its running container");
        foreach (var removed in _directories.Where(d => d == path || d.StartsWith(path + '/', StringComparison.Ordinal)).ToList())
        {
            _directories.Remove(removed);
            _users.Remove(removed);
        }

        return Task.CompletedTask;
    }
}

/// <summary>A store of user configs in memory. A save of a running container, or of a directory that is gone, is a violation.</summary>
internal sealed class ModelUserConfigs(ScheduledHost host) : IUserConfigStore
{
    /// <summary>How often each user's were saved.</summary>
    public Dictionary<string, int> Saved { get; } = new(StringComparer.Ordinal);

    public Task<FetchAnswer> FetchAsync(
        UserConfigKey key, string encryptionToken, string directory, CancellationToken cancellationToken)
    {
        host.Files.Fill(directory, key.UserId);
        return Task.FromResult(new FetchAnswer(FetchOutcome.Restored));
    }

    public Task<SaveAnswer> SaveAsync(UserConfigKey key, ArchiveKey archiveKey, string directory, CancellationToken cancellationToken)
    {
        var id = Path.GetFileName(Path.GetDirectoryName(Path.GetDirectoryName(directory)))!;
        host.Check(!host.IsRunning(id), $"the user configs of {id} were saved while its container ran");
        host.Check(host.Files.Has(directory), $"the user configs of {id} were removed before they were saved");
        host.Files.Fill(directory, key.UserId);
        Saved[key.UserId] = Saved.GetValueOrDefault(key.UserId) + 1;
        return Task.FromResult(new SaveAnswer(true));
    }

    public Task<SaveAnswer> SaveIfAbsentAsync(
        UserConfigKey key, ArchiveKey archiveKey, string directory, CancellationToken cancellationToken) =>
        SaveAsync(key, archiveKey, directory, cancellationToken);

    public Task<string> TestAsync(CancellationToken cancellationToken) => Task.FromResult("modelled");

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>Input devices in memory. Removing those of a running container is a violation.</summary>
internal sealed class ModelInputDevices(ScheduledHost host) : IInputDevices
{
    private readonly Dictionary<string, Set> _sets = new(StringComparer.Ordinal);
    private int _next;

    /// <summary>The mandelboxes of the sets that exist.</summary>
    public List<string> Open { get; } = [];

    public string? Unavailable => null;

    public Task<IInputDeviceSet> CreateAsync(string mandelboxId, string socketPath, CancellationToken cancellationToken)
    {
        Open.Add(mandelboxId);
        return Task.FromResult<IInputDeviceSet>(_sets[mandelboxId] = new Set(this, mandelboxId, host.Run, $"/dev/input/event{_next++}"));
    }

    public Task<IInputDeviceSet?> TakeOverAsync(string mandelboxId, string socketPath, CancellationToken cancellationToken) =>
        Task.FromResult<IInputDeviceSet?>(null);

    public IInputDeviceSet? PassOn(string mandelboxId, string toMandelboxId, string socketPath)
    {
        if (!_sets.Remove(mandelboxId, out var set) || !set.TryPassOn(toMandelboxId))
        {
            return null;
        }

        return _sets[toMandelboxId] = set;
    }

    private sealed class Set(ModelInputDevices owner, string mandelboxId, int run, string node) : IInputDeviceSet
    {
        private bool _isOpen = true;
        private string _mandelboxId = mandelboxId;

        /// <summary>False where it has been removed, or was another run's.</summary>
        public bool TryPassOn(string toMandelboxId)
        {
            if (!_isOpen || run != owner.Host.Run)
            {
                return false;
            }

            owner.Open.Remove(_mandelboxId);
            owner.Open.Add(_mandelboxId = toMandelboxId);
            return true;
        }

        public IReadOnlyList<string> DeviceNodes => [node];

        public ValueTask DisposeAsync() => new(DisposeInTurnAsync());

        private async Task DisposeInTurnAsync()
        {
            await Task.Yield();
            if (_isOpen && run == owner.Host.Run)
            {
                _isOpen = false;
                owner.Host.Check(!owner.Host.IsRunning(_mandelboxId), $"the devices of {_mandelboxId} were removed under its container");
                owner.Open.Remove(_mandelboxId);
            }
        }
    }

    private ScheduledHost Host => host;
}
