using Microsoft.Extensions.Logging;

namespace HostService.Tests.Support;

/// <summary>Keeps the lines that are logged; a test can wait for one.</summary>
public sealed class RecordingLogger<T> : ILogger<T>
{
    private readonly Lock _gate = new();
    private readonly List<string> _lines = [];
    private readonly List<string?> _eventNames = [];
    private readonly List<(string Part, TaskCompletionSource<string> Seen)> _watchers = [];

    /// <summary>Each line: level, message, exception.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_gate)
            {
                return [.. _lines];
            }
        }
    }

    /// <summary>The name of each line's event.</summary>
    public IReadOnlyList<string?> EventNames
    {
        get
        {
            lock (_gate)
            {
                return [.. _eventNames];
            }
        }
    }

    /// <summary>The first line, past or future, that contains this text.</summary>
    public Task<string> LineAsync(string part)
    {
        lock (_gate)
        {
            if (_lines.Find(l => l.Contains(part, StringComparison.Ordinal)) is { } line)
            {
                return Task.FromResult(line);
            }

            var seen = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
            _watchers.Add((part, seen));
            return seen.Task;
        }
    }

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var line = $"{logLevel}: {formatter(state, exception)} {exception}".TrimEnd();
        lock (_gate)
        {
            _lines.Add(line);
            _eventNames.Add(eventId.Name);
            foreach (var watcher in _watchers.Where(w => line.Contains(w.Part, StringComparison.Ordinal)).ToList())
            {
                _watchers.Remove(watcher);
                watcher.Seen.SetResult(line);
            }
        }
    }

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;
}
