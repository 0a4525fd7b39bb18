using System.Collections.Concurrent;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Linux.Network;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Infrastructure.Storage.UserConfigs;

namespace HostService.Tests.Support;

/// <summary>Every port is free but those that a test marks as bound.</summary>
public sealed class FakePortProbe : IPortProbe
{
    public ConcurrentDictionary<ushort, bool> BoundTcp { get; } = new();

    public ConcurrentDictionary<ushort, bool> BoundUdp { get; } = new();

    public bool IsTcpFree(ushort port) => !BoundTcp.ContainsKey(port);

    public bool IsUdpFree(ushort port) => !BoundUdp.ContainsKey(port);
}

/// <summary>Failures that a test plans for the next calls.</summary>
public sealed class PlannedFailures
{
    private int _left;
    private Func<Exception>? _make;

    /// <summary>The next <paramref name="times"/> calls fail like this.</summary>
    public void FailNext(int times, Func<Exception> make)
    {
        _make = make;
        Volatile.Write(ref _left, times);
    }

    public void Meet()
    {
        if (Interlocked.Decrement(ref _left) >= 0)
        {
            throw _make!();
        }
    }
}

/// <summary>Input devices in memory.</summary>
public sealed class FakeInputDevices : IInputDevices
{
    private readonly ConcurrentDictionary<string, Set> _sets = new(StringComparer.Ordinal);
    private int _next;
    private int _open;

    public PlannedFailures Create { get; } = new();

    public string? Unavailable { get; set; }

    /// <summary>How many device sets are open.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>The mandelboxes whose devices an earlier run made and systemd has kept.</summary>
    public ConcurrentDictionary<string, bool> Kept { get; } = new(StringComparer.Ordinal);

    public async Task<IInputDeviceSet?> TakeOverAsync(string mandelboxId, string socketPath, CancellationToken cancellationToken) =>
        Kept.TryRemove(mandelboxId, out _) ? await CreateAsync(mandelboxId, socketPath, cancellationToken) : null;

    public Task<IInputDeviceSet> CreateAsync(string mandelboxId, string socketPath, CancellationToken cancellationToken)
    {
        Create.Meet();
        Interlocked.Increment(ref _open);
        var first = Interlocked.Add(ref _next, 3);
        return Task.FromResult<IInputDeviceSet>(_sets[mandelboxId] =
            new Set(this, [$"/dev/input/event{first}", $"/dev/input/event{first + 1}", $"/dev/input/event{first + 2}"]));
    }

    public IInputDeviceSet? PassOn(string mandelboxId, string toMandelboxId, string socketPath) =>
        _sets.TryRemove(mandelboxId, out var set) ? _sets[toMandelboxId] = set : null;

    private sealed class Set(FakeInputDevices owner, IReadOnlyList<string> nodes) : IInputDeviceSet
    {
        private int _disposed;

        public IReadOnlyList<string> DeviceNodes => nodes;

        public ValueTask DisposeAsync()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
            {
                Interlocked.Decrement(ref owner._open);
            }

            return ValueTask.CompletedTask;
        }
    }
}

/// <summary>The backend's database in memory.</summary>
public sealed class FakeDatabase : IBackendDatabase
{
    private readonly ConcurrentQueue<string> _history = new();
    private int _sweeps;

    public PlannedFailures Claim { get; } = new();

    public PlannedFailures Status { get; } = new();

    public PlannedFailures Remove { get; } = new();

    /// <summary>The figures of every heartbeat.</summary>
    public ConcurrentQueue<MachineFigures> Heartbeats { get; } = new();

    /// <summary>What a heartbeat returns: null, or why the host is no longer wanted.</summary>
    public Func<string?> HeartbeatAnswer { get; set; } = () => null;

    /// <summary>What <see cref="WhyNotWantedAsync"/> returns.</summary>
    public Func<string?> WhyNotWanted { get; set; } = () => null;

    public PlannedFailures Sweep { get; } = new();

    /// <summary>How often stale rows were swept.</summary>
    public int Sweeps => Volatile.Read(ref _sweeps);

    /// <summary>The database's time.</summary>
    public Func<DateTimeOffset?> Clock { get; set; } = () => null;

    /// <summary>When set, claims are refused with this reason.</summary>
    public string? ClaimRefusal { get; set; }

    /// <summary>By mandelbox: its claim waits for this task.</summary>
    public ConcurrentDictionary<string, Task> HeldClaims { get; } = new();

    /// <summary>The status of each row, by mandelbox.</summary>
    public ConcurrentDictionary<string, string> Rows { get; } = new();

    /// <summary>Every write, in order: <c>id STATUS</c> or <c>id gone</c>.</summary>
    public IReadOnlyList<string> History => [.. _history];

    public Task TestAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>The status of the host's row; null once it is removed.</summary>
    public string? HostStatus { get; set; } = InstanceStatus.PreConnection;

    public Task<RegistrationAnswer> RegisterAsync(HostRegistration registration, CancellationToken cancellationToken)
    {
        if (HostStatus is InstanceStatus.Draining)
        {
            return Task.FromResult(new RegistrationAnswer(RegistrationOutcome.NotWanted, "the host's row says DRAINING"));
        }

        HostStatus = InstanceStatus.Active;
        return Task.FromResult(new RegistrationAnswer(RegistrationOutcome.Registered, null));
    }

    public Task<string?> HeartbeatAsync(string instanceName, MachineFigures figures, CancellationToken cancellationToken)
    {
        Heartbeats.Enqueue(figures);
        return Task.FromResult(HeartbeatAnswer());
    }

    public Task<string?> WhyNotWantedAsync(string instanceName, CancellationToken cancellationToken) => Task.FromResult(WhyNotWanted());

    public Task SetHostStatusAsync(string instanceName, string status, CancellationToken cancellationToken)
    {
        HostStatus = HostStatus is null ? null : status;
        return Task.CompletedTask;
    }

    public Task RemoveHostAsync(string instanceName, CancellationToken cancellationToken)
    {
        HostStatus = null;
        return Task.CompletedTask;
    }

    public Task<RegistrationAnswer> CheckRegistrationAsync(HostRegistration registration, CancellationToken cancellationToken) =>
        Task.FromResult(new RegistrationAnswer(RegistrationOutcome.Registered, null));

    public Task<int> RemoveLostMandelboxesAsync(
        string instanceName, IReadOnlyCollection<string> existing, CancellationToken cancellationToken) => Task.FromResult(0);

    public async Task<string?> ClaimMandelboxAsync(
        string instanceName, string mandelboxId, string userId, CancellationToken cancellationToken)
    {
        if (HeldClaims.TryGetValue(mandelboxId, out var held))
        {
            await held.WaitAsync(cancellationToken);
        }

        Claim.Meet();
        if (ClaimRefusal is null)
        {
            Write(mandelboxId, "CONNECTING");
        }

        return ClaimRefusal;
    }

    public Task<bool> SetMandelboxStatusAsync(string mandelboxId, string status, CancellationToken cancellationToken)
    {
        Status.Meet();
        if (!Rows.ContainsKey(mandelboxId))
        {
            return Task.FromResult(false);
        }

        Write(mandelboxId, status);
        return Task.FromResult(true);
    }

    public Task RemoveMandelboxAsync(string mandelboxId, CancellationToken cancellationToken)
    {
        Remove.Meet();
        Rows.TryRemove(mandelboxId, out _);
        _history.Enqueue($"{mandelboxId} gone");
        return Task.CompletedTask;
    }

    public Task<int> RemoveStaleMandelboxesAsync(
        string instanceName, Func<CancellationToken, Task<IReadOnlyCollection<string>>> alive, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _sweeps);
        Sweep.Meet();
        return Task.FromResult(0);
    }

    public Task<IReadOnlyCollection<string>?> ListMandelboxesAsync(string instanceName, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyCollection<string>?>([.. Rows.Where(row => row.Value is "RUNNING" or "DYING").Select(row => row.Key)]);

    public Task<DateTimeOffset?> ReadClockAsync(CancellationToken cancellationToken) => Task.FromResult(Clock());

    private void Write(string id, string status)
    {
        Rows[id] = status;
        _history.Enqueue($"{id} {status}");
    }
}

/// <summary>A store of user configs in memory.</summary>
public sealed class FakeUserConfigs : IUserConfigStore
{
    private readonly ConcurrentQueue<UserConfigKey> _saved = new();

    public FetchAnswer Answer { get; set; } = new(FetchOutcome.FirstRun);

    public PlannedFailures Fetch { get; } = new();

    /// <summary>Why the next saves fail.</summary>
    public ConcurrentQueue<string> Refusals { get; } = new();

    /// <summary>Completes when the first fetch has begun.</summary>
    public TaskCompletionSource FetchBegun { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the first save has begun.</summary>
    public TaskCompletionSource SaveBegun { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>When set, fetching waits for it.</summary>
    public TaskCompletionSource? HoldFetch { get; set; }

    /// <summary>When set, saving waits for it.</summary>
    public TaskCompletionSource? HoldSave { get; set; }

    /// <summary>The number of saves that must not replace anything.</summary>
    public int SavedIfAbsent { get; private set; }

    public IReadOnlyList<UserConfigKey> Saved => [.. _saved];

    public async Task<FetchAnswer> FetchAsync(
        UserConfigKey key, string encryptionToken, string directory, CancellationToken cancellationToken)
    {
        FetchBegun.TrySetResult();
        if (HoldFetch is { } hold)
        {
            await hold.Task.WaitAsync(cancellationToken);
        }

        Fetch.Meet();
        return Answer;
    }

    public async Task<SaveAnswer> SaveAsync(
        UserConfigKey key, ArchiveKey archiveKey, string directory, CancellationToken cancellationToken)
    {
        SaveBegun.TrySetResult();
        if (HoldSave is { } hold)
        {
            await hold.Task.WaitAsync(cancellationToken);
        }

        Assert.True(Directory.Exists(directory), "the user configs were removed before they were saved");
        if (Refusals.TryDequeue(out var reason))
        {
            return new SaveAnswer(false, reason);
        }

        _saved.Enqueue(key);
        return new SaveAnswer(true);
    }

    public Task<SaveAnswer> SaveIfAbsentAsync(
        UserConfigKey key, ArchiveKey archiveKey, string directory, CancellationToken cancellationToken)
    {
        SavedIfAbsent++;
        return SaveAsync(key, archiveKey, directory, cancellationToken);
    }

    public Task<string> TestAsync(CancellationToken cancellationToken) => Task.FromResult("in memory");

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>Cloud drives in memory.</summary>
public sealed class FakeCloudStorage : ICloudStorage
{
    /// <summary>The mounted provider, by mandelbox.</summary>
    public ConcurrentDictionary<string, string> Mounted { get; } = new();

    /// <summary>When set, mounting waits for it.</summary>
    public TaskCompletionSource? HoldMount { get; set; }

    /// <summary>When set, mounting fails with this reason.</summary>
    public string? Refusal { get; set; }

    /// <summary>Mandelboxes that have a directory for their drives.</summary>
    public ConcurrentDictionary<string, bool> Prepared { get; } = new();

    public Task PrepareAsync(string mandelboxId, CancellationToken cancellationToken)
    {
        Prepared[mandelboxId] = true;
        return Task.CompletedTask;
    }

    public void Move(string mandelboxId, string toMandelboxId)
    {
        Prepared.TryRemove(mandelboxId, out _);
        Prepared[toMandelboxId] = true;
    }

    public async Task<string?> MountAsync(string mandelboxId, CloudDrive drive, CancellationToken cancellationToken)
    {
        if (HoldMount is { } hold)
        {
            await hold.Task.WaitAsync(CancellationToken.None);
        }

        if (Refusal is null)
        {
            Mounted[mandelboxId] = drive.Provider;
        }

        return Refusal;
    }

    public Task ReclaimAsync(IReadOnlyCollection<string> kept, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task UnmountAllAsync(string mandelboxId, CancellationToken cancellationToken)
    {
        Mounted.TryRemove(mandelboxId, out _);
        Prepared.TryRemove(mandelboxId, out _);
        return Task.CompletedTask;
    }
}
