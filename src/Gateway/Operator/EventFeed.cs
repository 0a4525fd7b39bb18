using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;

namespace HostService.Gateway.Operator;

/// <summary>
/// The host's events for everybody who watches them at this gateway. One reader asks the host, only while somebody watches, and passes each
/// event on. A viewer that stops reading is dropped, and holds up nobody.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The reader disposes of its token when the last viewer has left.")]
internal sealed partial class EventFeed(GrainCalls grains, TimeProvider timeProvider, ILogger<EventFeed> logger)
{
    public const int MostViewers = 20;

    /// <summary>Events that a viewer gets at the beginning, unless it says which it knows.</summary>
    public const int FirstEvents = 100;

    private static readonly TimeSpan ShortestPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly HashSet<Viewer> _viewers = [];

    /// <summary>What the reader has read, the oldest first.</summary>
    private readonly Queue<HostEvent> _events = new();
    private CancellationTokenSource? _reading;
    private bool _hasRead;

    /// <summary>Begins to watch; null when as many watch as may.</summary>
    /// <param name="after">The last event that the viewer knows (<see cref="HostEvents.After"/>); null for the last 100.</param>
    public Viewer? TryWatch(long? after)
    {
        lock (_gate)
        {
            if (_viewers.Count == MostViewers)
            {
                return null;
            }

            var viewer = new Viewer(this, after);
            _viewers.Add(viewer);
            if (_hasRead)
            {
                viewer.Begin(_events);
            }

            if (_reading is null)
            {
                _reading = new CancellationTokenSource();
                _ = ReadAsync(_reading);
            }

            return viewer;
        }
    }

    private void Leave(Viewer viewer)
    {
        lock (_gate)
        {
            _viewers.Remove(viewer);
            if (_viewers.Count == 0 && _reading is { } reading)
            {
                // Not in the lock: what waits for the host goes on at once.
                _ = reading.CancelAsync();
                (_reading, _hasRead) = (null, false);
                _events.Clear();
            }
        }
    }

    private async Task ReadAsync(CancellationTokenSource reading)
    {
        using var _ = reading;
        var token = reading.Token;
        var after = 0L;
        var pause = ShortestPause;
        while (!token.IsCancellationRequested)
        {
            try
            {
                var read = await grains.WithTimeout(grains.Host.ReadEvents(after, HostEvents.Kept, token));
                after = read.Count > 0 ? read[^1].Sequence : after;
                Publish(reading, read);
                pause = ShortestPause;
            }
            catch (Exception exception)
            {
                if (token.IsCancellationRequested)
                {
                    return;
                }

                // The host may start again, and the viewers stay.
                LogNotRead(exception.Message);
                await Task.Delay(pause, timeProvider, token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                pause = Backoff.Next(pause, LongestPause);
            }
        }
    }

    private void Publish(CancellationTokenSource reading, IReadOnlyList<HostEvent> read)
    {
        lock (_gate)
        {
            if (reading != _reading)
            {
                return;
            }

            if (read is [var first, ..] && _events.LastOrDefault() is { } last && first.Sequence <= last.Sequence)
            {
                // The service has started anew.
                _events.Clear();
            }

            foreach (var added in read)
            {
                _events.Enqueue(added);
            }

            while (_events.Count > HostEvents.Kept)
            {
                _events.Dequeue();
            }

            foreach (var viewer in _viewers)
            {
                if (!_hasRead)
                {
                    viewer.Begin(_events);
                }
                else if (!viewer.TryAdd(read))
                {
                    LogDropped();
                }
            }

            _hasRead = true;
        }
    }

    [LoggerMessage(LogLevel.Warning, "The host's events could not be read; trying again: {Reason}")]
    private partial void LogNotRead(string reason);

    [LoggerMessage(LogLevel.Information, "A viewer of the events reads too slowly, and is dropped")]
    private partial void LogDropped();

    /// <summary>One who watches, until it is disposed.</summary>
    internal sealed class Viewer(EventFeed feed, long? after) : IDisposable
    {
        /// <summary>How many events may wait for a viewer, beside the first ones.</summary>
        public const int MostWaiting = 256;

        private readonly Channel<HostEvent> _channel = Channel.CreateBounded<HostEvent>(HostEvents.Kept + MostWaiting);
        private readonly CancellationTokenSource _dropped = new();

        public ChannelReader<HostEvent> Events => _channel.Reader;

        /// <summary>Cancelled when it reads too slowly: further events do not come.</summary>
        public CancellationToken Dropped => _dropped.Token;

        public void Dispose()
        {
            feed.Leave(this);
            _dropped.Dispose();
        }

        /// <summary>Passes on what was there before. Called once, in the feed's lock.</summary>
        internal void Begin(IReadOnlyCollection<HostEvent> events) =>
            TryAdd(after is { } known ? HostEvents.After(events, known) : events.TakeLast(FirstEvents));

        /// <summary>False when it is dropped now. Called in the feed's lock.</summary>
        internal bool TryAdd(IEnumerable<HostEvent> events)
        {
            if (!events.All(_channel.Writer.TryWrite) && _channel.Writer.TryComplete())
            {
                _ = _dropped.CancelAsync();
                return false;
            }

            return true;
        }
    }
}
