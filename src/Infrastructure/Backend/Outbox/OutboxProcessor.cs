using HostService.Infrastructure.Backend.Connection;
using HostService.Infrastructure.Backend.Rows;
using Microsoft.Extensions.Logging;

namespace HostService.Infrastructure.Backend.Outbox;

/// <summary>
/// Brings what is in the <see cref="OutboxQueue"/> to the database: at once while it answers, else again and again with a growing pause. For one row there is
/// never more than one write under way, so that no write overtakes an older one of the same row; different rows do not wait for each other.
/// </summary>
internal sealed class OutboxProcessor : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly OutboxQueue _outbox = new();
    private readonly Dictionary<RowKey, Task<Exception?>> _lanes = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<RowWrite, CancellationToken, Task> _write;
    private readonly DatabaseOptions _options;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;
    private TaskCompletionSource _kick = NewSignal();
    private Task _retrying = Task.CompletedTask;
    private bool _away;

    /// <param name="write">Carries out one write; throws when it could not.</param>
    public OutboxProcessor(Func<RowWrite, CancellationToken, Task> write, DatabaseOptions options, TimeProvider timeProvider, ILogger logger)
    {
        _write = write;
        _options = options;
        _timeProvider = timeProvider;
        _logger = logger;
    }

    /// <summary>What is not in the database yet, oldest first.</summary>
    public IReadOnlyList<RowWrite> Pending => _outbox.Pending;

    /// <summary>
    /// Writes, or keeps the write for later. During a known outage it returns at once. Cancelling gives up waiting; the write stays.
    /// </summary>
    public Task PutAsync(RowWrite write, CancellationToken cancellationToken)
    {
        _outbox.Put(write);
        lock (_gate)
        {
            if (_away)
            {
                StartRetrying();
                return Task.CompletedTask;
            }
        }

        return LaneAsync(write.Row).WaitAsync(cancellationToken);
    }

    /// <summary>Writes what is pending for one row. False when it is still pending afterwards.</summary>
    public async Task<bool> SettleAsync(RowKey row, CancellationToken cancellationToken)
    {
        if (_outbox.Find(row) is not null)
        {
            await LaneAsync(row).WaitAsync(cancellationToken);
        }

        return _outbox.Find(row) is null;
    }

    /// <summary>Some query has just succeeded: whatever was held up may go now.</summary>
    public void DatabaseAnswered()
    {
        lock (_gate)
        {
            if (_away)
            {
                _away = false;
                _kick.TrySetResult();
            }
        }
    }

    /// <summary>Waits until nothing is pending or the token is cancelled.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        while (_outbox.Count > 0 && !_stop.IsCancellationRequested)
        {
            Task retrying;
            lock (_gate)
            {
                StartRetrying();
                _kick.TrySetResult();
                retrying = _retrying;
            }

            await retrying.WaitAsync(cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        Task[] running;
        lock (_gate)
        {
            running = [_retrying, .. _lanes.Values];
        }

        await Task.WhenAll(running);
        _stop.Dispose();
    }

    /// <summary>The one task that writes this row, started if none runs. Its result is why it stopped with a write pending; it never fails.</summary>
    private Task<Exception?> LaneAsync(RowKey row)
    {
        lock (_gate)
        {
            if (!_lanes.TryGetValue(row, out var lane))
            {
                lane = Task.Run(() => WriteRowAsync(row));
                _lanes.Add(row, lane);
            }

            return lane;
        }
    }

    private async Task<Exception?> WriteRowAsync(RowKey row)
    {
        while (true)
        {
            RowWrite? write;
            lock (_gate)
            {
                write = _outbox.Find(row);
                if (write is null)
                {
                    _lanes.Remove(row);
                    return null;
                }
            }

            try
            {
                await _write(write, _stop.Token);
                _outbox.Written(write);
            }
            catch (Exception e)
            {
                // Boundary: whatever went wrong, the write is kept, reported and tried again.
                Keep(write, e);
                return e;
            }
        }
    }

    private void Keep(RowWrite write, Exception e)
    {
        bool isNews;
        lock (_gate)
        {
            _lanes.Remove(write.Row);
            if (_stop.IsCancellationRequested)
            {
                return;
            }

            var unreachable = e is BackendDatabaseException { Unreachable: true };
            isNews = !(unreachable && _away);
            _away |= unreachable;
            StartRetrying();
        }

        if (isNews)
        {
            if (write.Row.Kind == RowKind.Mandelbox)
            {
                DatabaseLog.MandelboxWriteKept(_logger, write.What, write.Row.Id, e.Message);
            }
            else
            {
                DatabaseLog.HostWriteKept(_logger, write.What, write.Row.Id, e.Message);
            }
        }
    }

    /// <summary>Under <see cref="_gate"/>.</summary>
    private void StartRetrying()
    {
        if (_retrying.IsCompleted && !_stop.IsCancellationRequested)
        {
            _kick = NewSignal();
            _retrying = Task.Run(RetryAsync);
        }
    }

    private async Task RetryAsync()
    {
        var delay = _options.RetryDelay;
        var held = 0;
        while (!_stop.IsCancellationRequested)
        {
            delay = await PauseAsync(delay);
            held = Math.Max(held, _outbox.Count);
            foreach (var write in _outbox.Pending)
            {
                if (_stop.IsCancellationRequested || await LaneAsync(write.Row) is BackendDatabaseException { Unreachable: true })
                {
                    break;
                }
            }

            lock (_gate)
            {
                if (_outbox.Count == 0)
                {
                    _away = false;
                    _retrying = Task.CompletedTask;
                    break;
                }
            }
        }

        if (!_stop.IsCancellationRequested)
        {
            DatabaseLog.KeptWritten(_logger, held);
        }
    }

    /// <summary>Waits, or less when the database was heard of meanwhile. The next pause.</summary>
    private async Task<TimeSpan> PauseAsync(TimeSpan delay)
    {
        Task kick;
        lock (_gate)
        {
            kick = _kick.Task;
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        await Task.WhenAny(Task.Delay(delay, _timeProvider, stop.Token), kick);
        await stop.CancelAsync();
        if (!kick.IsCompleted)
        {
            return delay * 2 < _options.MaxRetryDelay ? delay * 2 : _options.MaxRetryDelay;
        }

        lock (_gate)
        {
            _kick = NewSignal();
        }

        return _options.RetryDelay;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
