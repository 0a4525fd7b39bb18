namespace HostService.Grains.Fleet;

/// <summary>What a grain keeps. After a write that failed, which the storage may have made, it is read again before it is used.</summary>
internal sealed class KeptState<T>(IPersistentState<T> stored)
{
    private bool _isStale;

    /// <summary>As it was read or written last.</summary>
    public T Value => stored.State;

    public async Task ReadAgainAsync()
    {
        if (_isStale)
        {
            await stored.ReadStateAsync();
            _isStale = false;
        }
    }

    public async Task WriteAsync(T value)
    {
        stored.State = value;
        _isStale = true;
        await stored.WriteStateAsync();
        _isStale = false;
    }
}
