namespace HostService.Silo.Background;

/// <summary>Consumes a stream until cancelled; logs faults, and resubscribes <see cref="Pause"/> after one that ended it.</summary>
internal sealed partial class StreamConsumer(TimeProvider timeProvider, ILogger logger)
{
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    /// <summary>Runs until cancelled, and never throws.</summary>
    /// <param name="name">Of the stream, for the log.</param>
    public async Task RunAsync<T>(
        string name, Func<CancellationToken, IAsyncEnumerable<T>> subscribe, Func<T, Task> consume, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await TryAsync(name, async () =>
            {
                await foreach (var item in subscribe(cancellationToken))
                {
                    await TryAsync(name, () => consume(item), cancellationToken);
                }
            }, cancellationToken);
            await Task.WhenAny(Task.Delay(Pause, timeProvider, cancellationToken));
        }
    }

    /// <summary>Does one piece of work and logs its failure.</summary>
    public async Task TryAsync(string name, Func<Task> work, CancellationToken cancellationToken)
    {
        try
        {
            await work();
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Stopped.
        }
        catch (Exception exception)
        {
            // The next reading is due soon.
            LogFailed(name, exception.Message, exception);
        }
    }

    [LoggerMessage(LogLevel.Warning, "{Stream} could not be read or reported: {Reason}")]
    private partial void LogFailed(string stream, string reason, Exception exception);
}
