using HostService.Infrastructure.Backend.Connection;

namespace HostService.Infrastructure.Backend.Outbox;

/// <summary>
/// Writes what is in the <see cref="OutboxQueue"/> to the database: at once while it answers, else with retries and a growing delay. Each
/// row has at most one write in progress, so that no write overtakes an older one of the same row; different rows do not wait for each
/// other.
/// </summary>
/// <param name="carryOut">Carries out one write; throws when it failed.</param>
internal sealed partial class OutboxProcessor(
    Func<RowWrite, CancellationToken, Task> carryOut, DatabaseOptions options, TimeProvider timeProvider, ILogger logger) : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly OutboxQueue _queue = new();
    private readonly Dictionary<RowKey, Task<Exception?>> _writers = [];
    private readonly CancellationTokenSource _stop = new();
    private TaskCompletionSource _wake = NewSignal();
    private Task _retrying = Task.CompletedTask;
    private bool _unreachable;

    /// <summary>What is not in the database yet, oldest first.</summary>
    public IReadOnlyList<RowWrite> Pending => _queue.Pending;

    /// <summary>Writes, or at once during a known outage keeps the write for later. Cancelling ends only the waiting.</summary>
    public Task PutAsync(RowWrite write, CancellationToken cancellationToken)
    {
        _queue.Put(write);
        lock (_gate)
        {
            if (_unreachable)
            {
                StartRetrying();
                return Task.CompletedTask;
            }
        }

        return WriterOf(write.Row).WaitAsync(cancellationToken);
    }

    /// <summary>Writes what is pending for one row. False when it is still pending afterwards.</summary>
    public async Task<bool> FlushAsync(RowKey row, CancellationToken cancellationToken)
    {
        if (_queue.Find(row) is not null)
        {
            await WriterOf(row).WaitAsync(cancellationToken);
        }

        return _queue.Find(row) is null;
    }

    /// <summary>Waits until nothing is pending or the token is cancelled.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        while (_queue.Count > 0 && !_stop.IsCancellationRequested)
        {
            Task retrying;
            lock (_gate)
            {
                StartRetrying();
                _wake.TrySetResult();
                retrying = _retrying;
            }

            await retrying.WaitAsync(cancellationToken);
        }
    }

    /// <summary>A query has just succeeded: ends the delay of pending writes.</summary>
    public void OnDatabaseAnswered()
    {
        lock (_gate)
        {
            if (_unreachable)
            {
                _unreachable = false;
                _wake.TrySetResult();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        Task[] running;
        lock (_gate)
        {
            running = [_retrying, .. _writers.Values];
        }

        await Task.WhenAll(running);
        _stop.Dispose();
    }

    /// <summary>The one task that writes this row, started if none runs. Returns the failure that left a write pending.</summary>
    private Task<Exception?> WriterOf(RowKey row)
    {
        lock (_gate)
        {
            if (!_writers.TryGetValue(row, out var writer))
            {
                writer = Task.Run(() => WriteRowAsync(row));
                _writers.Add(row, writer);
            }

            return writer;
        }
    }

    private async Task<Exception?> WriteRowAsync(RowKey row)
    {
        while (true)
        {
            RowWrite? write;
            lock (_gate)
            {
                write = _queue.Find(row);
                if (write is null)
                {
                    _writers.Remove(row);
                    return null;
                }
            }

            try
            {
                await carryOut(write, _stop.Token);
                _queue.Complete(write);
            }
            catch (Exception exception)
            {
                // Whatever went wrong, the write stays pending, is reported and tried again.
                OnFailed(write, exception);
                return exception;
            }
        }
    }

    private void OnFailed(RowWrite write, Exception exception)
    {
        bool isNews;
        lock (_gate)
        {
            _writers.Remove(write.Row);
            if (_stop.IsCancellationRequested)
            {
                return;
            }

            var unreachable = exception is BackendDatabaseException { Unreachable: true };
            isNews = !(unreachable && _unreachable);
            _unreachable |= unreachable;
            StartRetrying();
        }

        if (!isNews)
        {
            return;
        }

        if (write.Row.Kind == RowKind.Mandelbox)
        {
            LogMandelboxWriteKept(write.What, write.Row.Id, exception.Message);
        }
        else
        {
            LogInstanceWriteKept(write.What, write.Row.Id, exception.Message);
        }
    }

    /// <summary>Call only with <see cref="_gate"/> held.</summary>
    private void StartRetrying()
    {
        if (_retrying.IsCompleted && !_stop.IsCancellationRequested)
        {
            _wake = NewSignal();
            _retrying = Task.Run(RetryAsync);
        }
    }

    private async Task RetryAsync()
    {
        var delay = options.RetryDelay;
        var kept = 0;
        while (!_stop.IsCancellationRequested)
        {
            delay = await DelayAsync(delay);
            kept = Math.Max(kept, _queue.Count);
            foreach (var write in _queue.Pending)
            {
                if (_stop.IsCancellationRequested || await WriterOf(write.Row) is BackendDatabaseException { Unreachable: true })
                {
                    break;
                }
            }

            lock (_gate)
            {
                if (_queue.Count == 0)
                {
                    _unreachable = false;
                    _retrying = Task.CompletedTask;
                    break;
                }
            }
        }

        if (!_stop.IsCancellationRequested)
        {
            LogKeptWritten(kept);
        }
    }

    /// <summary>Waits for the delay or until woken. Returns the next delay.</summary>
    private async Task<TimeSpan> DelayAsync(TimeSpan delay)
    {
        Task wake;
        lock (_gate)
        {
            wake = _wake.Task;
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        await Task.WhenAny(Task.Delay(delay, timeProvider, stop.Token), wake);
        await stop.CancelAsync();
        if (!wake.IsCompleted)
        {
            return Backoff.Next(delay, options.MaxRetryDelay);
        }

        lock (_gate)
        {
            _wake = NewSignal();
        }

        return options.RetryDelay;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [LoggerMessage(LogLevel.Error, "{What} of mandelbox {MandelboxId} could not be written and will be retried: {Reason}")]
    private partial void LogMandelboxWriteKept(string what, string mandelboxId, string reason);

    [LoggerMessage(LogLevel.Error, "{What} of instance {InstanceName} could not be written and will be retried: {Reason}")]
    private partial void LogInstanceWriteKept(string what, string instanceName, string reason);

    [LoggerMessage(LogLevel.Information, "The database accepts writes again; up to {Count} delayed ones are written")]
    private partial void LogKeptWritten(int count);
}
