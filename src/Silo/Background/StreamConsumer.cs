namespace HostService.Silo.Background;

/// <summary>
/// Follows what is told over and over. A round that fails is reported; where that ended the telling itself, it is begun anew after <see cref="Pause"/>. So nothing but
/// the token ends it.
/// </summary>
internal sealed partial class StreamConsumer(TimeProvider timeProvider, ILogger logger)
{
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    /// <summary>Runs until the token is cancelled, and never throws.</summary>
    /// <param name="what">As it stands in the log.</param>
    public async Task RunAsync<T>(string what, Func<CancellationToken, IAsyncEnumerable<T>> telling, Func<T, Task> hear, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await TryAsync(what, async () =>
            {
                await foreach (var one in telling(cancellationToken))
                {
                    await TryAsync(what, () => hear(one), cancellationToken);
                }
            }, cancellationToken);
            await Task.WhenAny(Task.Delay(Pause, timeProvider, cancellationToken));
        }
    }

    /// <summary>One round; its failure is reported.</summary>
    public async Task TryAsync(string what, Func<Task> round, CancellationToken cancellationToken)
    {
        try
        {
            await round();
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Told to end.
        }
        catch (Exception exception)
        {
            // Boundary: one reading that fails is reported, the next one is due soon.
            LogNotTold(what, exception.Message, exception);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{What} could not be read or told: {Why}")]
    private partial void LogNotTold(string what, string why, Exception exception);
}
