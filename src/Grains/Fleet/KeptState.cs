namespace HostService.Grains.Fleet;

/// <summary>What a grain keeps. After a change that failed, which the storage may have made, it is read again before it is used.</summary>
internal sealed class KeptState<T>(IPersistentState<T> stored)
{
    /// <summary>Whether it has to be read again.</summary>
    public bool IsStale { get; private set; }

    /// <summary>As it was read or written last.</summary>
    public T Value => stored.State;

    public async Task ReadAgainAsync()
    {
        if (IsStale)
        {
            await stored.ReadStateAsync();
            IsStale = false;
        }
    }

    public Task WriteAsync(T value)
    {
        stored.State = value;
        return ChangeAsync(stored.WriteStateAsync);
    }

    public Task ClearAsync() => ChangeAsync(stored.ClearStateAsync);

    private async Task ChangeAsync(Func<Task> change)
    {
        try
        {
            await change();
        }
        catch
        {
            IsStale = true;
            throw;
        }
    }
}
