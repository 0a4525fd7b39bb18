using System.Collections.Concurrent;
using HostService.GrainInterfaces;
using HostService.GrainInterfaces.Fleet;

namespace HostService.Tests.Cluster.Fleet;

/// <summary>A host as the fleet reaches it: it decides about its room, keeps what it was asked, and can hold or fail an answer.</summary>
public sealed class FakeHost(string name) : IHostConnection
{
    private readonly ConcurrentDictionary<string, ConcurrentQueue<Func<Task>>> _planned = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private readonly List<(Func<string, bool> Matches, TaskCompletionSource Seen)> _watchers = [];
    private readonly List<string> _calls = [];

    public string Name => name;

    public static DateTimeOffset FirstRun { get; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>How many more it takes.</summary>
    public int Free { get; set; } = 10;

    public HostStatus Status { get; set; } = HostStatus.Active;

    /// <summary>Instead of coming up.</summary>
    public SpinUpFailure? Failure { get; set; }

    public string Version { get; set; } = "1.0";

    /// <summary>Reported.</summary>
    public HostUpgrade? Upgrading { get; set; }

    public string? UpgradeRefusal { get; set; }

    public ConcurrentDictionary<string, byte> Reserved { get; } = new(StringComparer.Ordinal);

    public ConcurrentDictionary<string, byte> Running { get; } = new(StringComparer.Ordinal);

    /// <summary>All calls so far, each with its mandelbox.</summary>
    public IReadOnlyList<string> Calls
    {
        get
        {
            lock (_gate)
            {
                return [.. _calls];
            }
        }
    }

    public HostReport Report => new()
    {
        Host = name,
        Address = $"address of {name}",
        Status = Status,
        Capacity = 10,
        Free = Free,
        Mandelboxes = Running.Keys.Select(id => new ReportedMandelbox(id, MandelboxState.Running, "app", FirstRun)).ToArray(),
        StartedAt = FirstRun,
        Version = Version,
        Upgrade = Upgrading,
    };

    /// <summary>Before the next call of this method is answered, this is done; what it throws is the answer. The host has acted by then.</summary>
    public void Before(string method, Func<Task> action) => _planned.GetOrAdd(method, _ => new()).Enqueue(action);

    /// <summary>Completes once such a call, past or future, has come: for example <c>Reserve m1</c>.</summary>
    public Task CalledAsync(string call)
    {
        lock (_gate)
        {
            if (_calls.Contains(call))
            {
                return Task.CompletedTask;
            }

            var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _watchers.Add((c => c == call, seen));
            return seen.Task.WaitAsync(TimeSpan.FromSeconds(20));
        }
    }

    public async Task<string?> Reserve(string mandelboxId)
    {
        var refusal = Free <= 0 ? "nothing is free" : null;
        if (refusal is null)
        {
            Reserved[mandelboxId] = 0;
            Free--;
        }

        await AnswerAsync(nameof(Reserve), mandelboxId);
        return refusal;
    }

    public Task CancelReservation(string mandelboxId)
    {
        if (Reserved.TryRemove(mandelboxId, out _))
        {
            Free++;
        }

        return AnswerAsync(nameof(CancelReservation), mandelboxId);
    }

    public async Task<SpinUpAnswer> SpinUp(string mandelboxId, SpinUpRequest request)
    {
        var failure = Failure;
        if (failure is null)
        {
            Reserved.TryRemove(mandelboxId, out _);
            Running[mandelboxId] = 0;
        }

        await AnswerAsync(nameof(SpinUp), mandelboxId);
        return failure is null
            ? SpinUpAnswer.Ready(new MandelboxAccess(1, 2, 3, $"key of {mandelboxId} on {name}"))
            : SpinUpAnswer.Failed(failure.Phase, failure.Reason);
    }

    public async Task<bool> Stop(string mandelboxId, string reason)
    {
        var isThere = Running.TryRemove(mandelboxId, out _);
        await AnswerAsync(nameof(Stop), mandelboxId);
        return isThere;
    }

    public async Task<MandelboxDiagnostics?> Explain(string mandelboxId)
    {
        await AnswerAsync(nameof(Explain), mandelboxId);
        return null;
    }

    public Task Drain(string reason) => AnswerAsync(nameof(Drain), reason);

    public async Task<string?> CancelDrain()
    {
        await AnswerAsync(nameof(CancelDrain), "");
        return "this host is not draining";
    }

    public async Task<string?> Upgrade(string version, string attempt)
    {
        var refusal = UpgradeRefusal;
        if (refusal is null)
        {
            Upgrading = new HostUpgrade(version, attempt);
        }

        await AnswerAsync(nameof(Upgrade), version);
        return refusal;
    }

    private Task AnswerAsync(string method, string argument)
    {
        var call = $"{method} {argument}".TrimEnd();
        lock (_gate)
        {
            _calls.Add(call);
            foreach (var watcher in _watchers.FindAll(w => w.Matches(call)))
            {
                _watchers.Remove(watcher);
                watcher.Seen.SetResult();
            }
        }

        return _planned.TryGetValue(method, out var planned) && planned.TryDequeue(out var action) ? action() : Task.CompletedTask;
    }
}
