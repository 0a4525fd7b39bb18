using Orleans.Storage;

namespace HostService.Grains.Fleet;

/// <summary>Where a mandelbox is, as the storage has it.</summary>
/// <param name="onFault">Told of each failure of the storage. After an <see cref="InconsistentStateException"/> the grain must end.</param>
internal sealed class KeptPlace(IPersistentState<FleetPlace> stored, string mandelboxId, Action<Exception> onFault)
{
    private readonly KeptState<FleetPlace> _kept = new(stored);
    private Task _lastChange = Task.CompletedTask;

    /// <summary>Null when it is nowhere. A change shows once it is stored.</summary>
    public FleetPlace? Value { get; private set; } = Read(stored);

    /// <summary>Makes sure of <see cref="Value"/> after a change that failed.</summary>
    /// <exception cref="InvalidOperationException">The storage fails; the message says so in plain words.</exception>
    public Task ReadAgainAsync() => _kept.IsStale ? ChangeAsync(place => place) : Task.CompletedTask;

    /// <summary>Changes follow one another: two at a time would take each other for those of another activation.</summary>
    /// <exception cref="InvalidOperationException">The storage fails; the message says so in plain words.</exception>
    public Task ChangeAsync(Func<FleetPlace?, FleetPlace?> change) => _lastChange = ChangeAfterAsync(_lastChange, change);

    private static FleetPlace? Read(IPersistentState<FleetPlace> stored) =>
        stored is { RecordExists: true, State: { Host.Length: > 0 } place } ? place : null;

    private async Task ChangeAfterAsync(Task before, Func<FleetPlace?, FleetPlace?> change)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        string fault;
        try
        {
            await ApplyAsync(change);
            return;
        }
        catch (Exception exception)
        {
            onFault(exception);

            // Orleans puts the storage's own exception into one that says less.
            fault = exception is InconsistentStateException
                ? $"the place of mandelbox {mandelboxId} was changed elsewhere; repeat the request"
                : $"the fleet's storage, which holds the place of mandelbox {mandelboxId}, has failed: "
                    + $"{exception.GetBaseException().Message}; repeat the request";
        }

        // Without the exception itself: its type may be one that the caller's process does not have.
        throw new InvalidOperationException(fault);
    }

    private async Task ApplyAsync(Func<FleetPlace?, FleetPlace?> change)
    {
        if (_kept.IsStale)
        {
            await _kept.ReadAgainAsync();
            Value = Read(stored);
        }

        var place = change(Value);
        if (place != Value)
        {
            await (place is null ? _kept.ClearAsync() : _kept.WriteAsync(place));
            Value = place;
        }
    }
}
