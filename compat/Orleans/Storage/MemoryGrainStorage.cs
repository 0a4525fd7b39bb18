using System.Collections.Concurrent;
using System.Globalization;
using Orleans.Runtime;
using Orleans.Serialization;

namespace Orleans.Storage;

/// <summary>State that outlives activations, and ends with the process.</summary>
internal sealed class MemoryGrainStorage : IGrainStorage
{
    private readonly ConcurrentDictionary<(string State, GrainId Grain), Entry> _entries = new();
    private long _version;

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (_entries.TryGetValue((stateName, grainId), out var entry))
        {
            grainState.State = Copier<T>.Copy((T)entry.State!);
            grainState.ETag = entry.ETag;
            grainState.RecordExists = true;
        }
        else
        {
            grainState.State = PersistentStates.New<T>();
            grainState.ETag = null;
            grainState.RecordExists = false;
        }

        return Task.CompletedTask;
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var written = new Entry(Copier<T>.Copy(grainState.State!), Interlocked.Increment(ref _version).ToString(CultureInfo.InvariantCulture));
        _entries.AddOrUpdate((stateName, grainId), _ => Expect(null, grainState.ETag, written), (_, stored) => Expect(stored.ETag, grainState.ETag, written));
        grainState.ETag = written.ETag;
        grainState.RecordExists = true;
        return Task.CompletedTask;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (_entries.TryGetValue((stateName, grainId), out var stored))
        {
            Expect(stored.ETag, grainState.ETag, stored);
            if (!_entries.TryRemove(KeyValuePair.Create((stateName, grainId), stored)))
                throw new InconsistentStateException($"The state {stateName} of {grainId} was written meanwhile");
        }

        grainState.State = PersistentStates.New<T>();
        grainState.ETag = null;
        grainState.RecordExists = false;
        return Task.CompletedTask;
    }

    private static Entry Expect(string? stored, string? ours, Entry written) =>
        stored == ours ? written : throw new InconsistentStateException("Version conflict", stored ?? "none", ours ?? "none");

    private sealed record Entry(object? State, string ETag);
}
