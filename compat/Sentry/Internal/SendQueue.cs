namespace Sentry.Internal;

/// <summary>Sends in the background, in order, one at a time. Full means that what comes now is dropped: reporting never slows the program.</summary>
internal sealed class SendQueue : IDisposable
{
    private readonly SentryOptions _options;
    private readonly HttpTransport _transport;
    private readonly ClientReports _reports;
    private readonly Lock _gate = new();
    private readonly Queue<(Envelope Envelope, TaskCompletionSource Done)> _waiting = new();
    private readonly CancellationTokenSource _abandon = new();
    private Task _worker = Task.CompletedTask;
    private bool _closed;

    public SendQueue(SentryOptions options, HttpTransport transport, ClientReports reports)
    {
        _options = options;
        _transport = transport;
        _reports = reports;
    }

    /// <summary>False when it was dropped.</summary>
    public bool Enqueue(Envelope envelope)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            if (_waiting.Count >= _options.MaxQueueItems)
            {
                _reports.Count("queue_overflow", envelope.Items[0].Category);
                _options.Log(SentryLevel.Info, "Event {0} is dropped: the queue is full.", null, envelope.EventId);
                return false;
            }

            // What is being sent stays at the head, so that it counts as queued.
            _waiting.Enqueue((envelope, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)));
            if (_waiting.Count == 1)
            {
                // The sender must not inherit the scope of whoever captured first.
                using (ExecutionContext.SuppressFlow())
                {
                    _worker = Task.Run(SendAllAsync);
                }
            }

            return true;
        }
    }

    /// <summary>Returns when all that was queued before has been sent or dropped, at the latest after the timeout. Never throws for a network.</summary>
    public async Task FlushAsync(TimeSpan timeout)
    {
        Task last;
        lock (_gate)
        {
            last = _waiting.Count == 0 ? Task.CompletedTask : _waiting.Last().Done.Task;
        }

        using var limit = new CancellationTokenSource(timeout);
        try
        {
            await last.WaitAsync(limit.Token).ConfigureAwait(false);
            await SendGuardedAsync(new Envelope(null, []), limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _options.Log(SentryLevel.Debug, "Flushing timed out after {0}.", null, timeout);
        }
    }

    public void Dispose()
    {
        Task worker;
        lock (_gate)
        {
            if (_closed)
            {
                return;
            }

            _closed = true;
            worker = _worker;
        }

        FlushAsync(_options.ShutdownTimeout).GetAwaiter().GetResult();
        _abandon.Cancel();
        worker.GetAwaiter().GetResult();
        _transport.Dispose();
        _abandon.Dispose();
    }

    private async Task SendAllAsync()
    {
        while (true)
        {
            (Envelope Envelope, TaskCompletionSource Done) head;
            lock (_gate)
            {
                head = _waiting.Peek();
            }

            if (!_abandon.IsCancellationRequested)
            {
                await SendGuardedAsync(head.Envelope, _abandon.Token).ConfigureAwait(false);
            }

            lock (_gate)
            {
                _waiting.Dequeue();
                head.Done.SetResult();
                if (_waiting.Count == 0)
                {
                    return;
                }
            }
        }
    }

    // A network that fails costs this envelope; the program that reports must not notice.
    private async Task SendGuardedAsync(Envelope envelope, CancellationToken cancellationToken)
    {
        try
        {
            await _transport.SendAsync(envelope, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            _options.Log(SentryLevel.Info, "Sending event {0} was given up: the time is over.", null, envelope.EventId);
        }
        catch (Exception e)
        {
            _options.Log(SentryLevel.Error, "Sending event {0} failed.", e, envelope.EventId);
        }
    }
}
