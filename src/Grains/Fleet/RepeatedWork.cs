namespace HostService.Grains.Fleet;

/// <summary>
/// Work that is to be done again after each change, but never twice at a time: changes that come while it is done are dealt with together
/// by one further run. For one scheduler; not thread-safe.
/// </summary>
/// <param name="onError">Called when it fails. It is done again at the next request.</param>
internal sealed class RepeatedWork(Func<Task> work, Action<Exception> onError)
{
    private bool _isWanted;
    private bool _isRunning;

    public void Request()
    {
        _isWanted = true;
        if (!_isRunning)
        {
            _ = RunAsync();
        }
    }

    private async Task RunAsync()
    {
        _isRunning = true;
        while (_isWanted)
        {
            _isWanted = false;
            try
            {
                await work();
            }
            catch (Exception exception)
            {
                onError(exception);
            }
        }

        _isRunning = false;
    }
}
