using System.Collections.Concurrent;
using HostService.GrainInterfaces.Fleet;
using HostService.Grains.Fleet;
using Orleans.Storage;

namespace HostService.Tests.Cluster.Fleet;

/// <summary>What the fleet keeps, in memory; the next writes can fail.</summary>
public sealed class FakeStorage : IGrainStorage
{
    private const string Place = "place";
    private const string Hosts = "hosts";

    private readonly ConcurrentDictionary<string, (object State, string ETag)> _kept = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _writes = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<(Exception Fault, bool IsDone)> _faults = new();
    private int _etags;
    private int _changes;

    /// <summary>When set, the next write waits here.</summary>
    public TaskCompletionSource? Hold { get; set; }

    /// <summary>Completed when a write is held.</summary>
    public TaskCompletionSource Held { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>How many changes there were at one time.</summary>
    public int MostChangesAtOnce { get; private set; }

    /// <summary>Why the list of hosts cannot be written; null while it can.</summary>
    public Exception? HostsFault { get; set; }

    /// <summary>The list of hosts; null where none is stored.</summary>
    public KeptHosts? KeptHosts => _kept.Values.Select(kept => kept.State).OfType<KeptHosts>().SingleOrDefault();

    /// <summary>Enters a list of hosts, as an earlier activation did.</summary>
    public void Put(KeptHosts hosts) => _kept[KeyOf(Hosts, FleetKeys.Fleet)] = (hosts, NewETag());

    /// <summary>Null where none is stored.</summary>
    public string? HostOf(string id) => _kept.TryGetValue(KeyOf(Place, id), out var stored) ? ((FleetPlace)stored.State).Host : null;

    /// <summary>How often the place of a mandelbox was written or removed.</summary>
    public int WritesOf(string id) => _writes.GetValueOrDefault(KeyOf(Place, id));

    /// <summary>Enters a place, as an earlier activation did.</summary>
    public void Put(string id, string host) =>
        _kept[KeyOf(Place, id)] = (new FleetPlace { Host = host, Address = $"address of {host}" }, NewETag());

    /// <summary>Fails the next write.</summary>
    /// <param name="isDone">Whether only the answer is lost.</param>
    public void FailNext(Exception fault, bool isDone = false) => _faults.Enqueue((fault, isDone));

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (_kept.TryGetValue(KeyOf(stateName, grainId), out var stored))
        {
            (grainState.State, grainState.ETag, grainState.RecordExists) = ((T)stored.State, stored.ETag, true);
        }
        else
        {
            (grainState.State, grainState.ETag, grainState.RecordExists) = (Activator.CreateInstance<T>(), null!, false);
        }

        return Task.CompletedTask;
    }

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (stateName == Hosts)
        {
            // Written beside whatever a test is about.
            grainState.ETag = NewETag();
            _kept[KeyOf(stateName, grainId)] = HostsFault is { } fault ? throw fault : ((object)grainState.State!, grainState.ETag);
            return;
        }

        await ChangeAsync(KeyOf(stateName, grainId), grainState.ETag, () =>
        {
            grainState.ETag = NewETag();
            _kept[KeyOf(stateName, grainId)] = (grainState.State!, grainState.ETag);
        });
        grainState.RecordExists = true;
    }

    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        await ChangeAsync(KeyOf(stateName, grainId), grainState.ETag, () => _kept.TryRemove(KeyOf(stateName, grainId), out _));
        (grainState.State, grainState.ETag, grainState.RecordExists) = (Activator.CreateInstance<T>(), null!, false);
    }

    private async Task ChangeAsync(string key, string? etag, Action change)
    {
        MostChangesAtOnce = Math.Max(MostChangesAtOnce, Interlocked.Increment(ref _changes));
        try
        {
            await Task.Yield();
            await ChangeNowAsync(key, etag, change);
        }
        finally
        {
            Interlocked.Decrement(ref _changes);
        }
    }

    private async Task ChangeNowAsync(string key, string? etag, Action change)
    {
        if (Hold is { } hold)
        {
            Hold = null;
            Held.SetResult();
            await hold.Task;
        }

        var isFailing = _faults.TryDequeue(out var fault);
        if (isFailing && !fault.IsDone)
        {
            throw fault.Fault;
        }

        var stored = _kept.TryGetValue(key, out var found) ? found.ETag : null;
        if (stored != etag)
        {
            throw new InconsistentStateException("somebody else has written", stored, etag);
        }

        change();
        _writes.AddOrUpdate(key, 1, (_, count) => count + 1);
        if (isFailing)
        {
            throw fault.Fault;
        }
    }

    private static string KeyOf(string stateName, GrainId grainId) => KeyOf(stateName, grainId.Key.ToString()!);

    private static string KeyOf(string stateName, string id) => $"{stateName} {id}";

    private string NewETag() => $"{Interlocked.Increment(ref _etags)}";
}
