namespace HostService.Grains.Mandelbox;

/// <summary>The tasks of one life of a mandelbox. They belong to its grain; steps do not use them.</summary>
public sealed class MandelboxTasks
{
    private readonly List<Task> _pending = [];

    /// <summary>The spin-up; repeated requests get its answer.</summary>
    public Task<SpinUpAnswer>? SpinUp { get; set; }

    /// <summary>How many callers wait for the spin-up.</summary>
    public int Callers { get; set; } = 1;

    /// <summary>Cancels running steps and calls once the mandelbox is to end.</summary>
    public CancellationTokenSource Ending { get; } = new();

    /// <summary>The end, up to the first attempt to undo every step. Started once.</summary>
    public Task? End { get; set; }

    /// <summary>The last report to the host, which follows the one before. Never fails.</summary>
    public Task Report { get; set; } = Task.CompletedTask;

    /// <summary>Completed when failed undos should be retried at once.</summary>
    public TaskCompletionSource RetryUndo { get; private set; } = NewSignal();

    /// <summary>Registers work that obtains something for the mandelbox: the end waits for it.</summary>
    public async Task<T> TrackAsync<T>(Task<T> work)
    {
        _pending.Add(work);
        try
        {
            return await work;
        }
        finally
        {
            _pending.Remove(work);
        }
    }

    /// <summary>Waits for all tracked work. Its failures belong to its own callers.</summary>
    public async Task WhenIdleAsync() =>
        await Task.WhenAll([.. _pending])
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);

    public void ResetRetryUndo() => RetryUndo = NewSignal();

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
