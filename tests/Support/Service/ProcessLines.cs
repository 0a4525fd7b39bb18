namespace HostService.Tests.Support;

/// <summary>The lines that a process writes to one stream; a test can wait for a line.</summary>
public sealed class ProcessLines
{
    private readonly Lock _gate = new();
    private readonly List<string> _lines = [];
    private readonly List<(Func<string, bool> IsWanted, string What, TaskCompletionSource<string> Seen)> _watchers = [];
    private bool _ended;

    /// <summary>All lines so far.</summary>
    public string Text
    {
        get
        {
            lock (_gate)
            {
                return string.Join('\n', _lines);
            }
        }
    }

    /// <summary>The first line, past or future, that contains this text; fails when the process ends without it.</summary>
    public Task<string> LineAsync(string part) => LineAsync(line => line.Contains(part, StringComparison.Ordinal), part);

    /// <param name="isWanted">Which line.</param>
    /// <param name="what">What to say when it does not come.</param>
    public Task<string> LineAsync(Func<string, bool> isWanted, string what)
    {
        lock (_gate)
        {
            if (_lines.Find(l => isWanted(l)) is { } line)
            {
                return Task.FromResult(line);
            }

            var seen = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_ended)
            {
                seen.SetException(Missing(what));
            }
            else
            {
                _watchers.Add((isWanted, what, seen));
            }

            return seen.Task;
        }
    }

    /// <summary>Reads until the process closes the stream.</summary>
    internal async Task ReadAsync(TextReader from)
    {
        while (await from.ReadLineAsync() is { } line)
        {
            Add(line);
        }

        lock (_gate)
        {
            _ended = true;
            _watchers.ForEach(w => w.Seen.SetException(Missing(w.What)));
            _watchers.Clear();
        }
    }

    private void Add(string line)
    {
        lock (_gate)
        {
            _lines.Add(line);
            foreach (var watcher in _watchers.Where(w => w.IsWanted(line)).ToList())
            {
                _watchers.Remove(watcher);
                watcher.Seen.SetResult(line);
            }
        }
    }

    private InvalidOperationException Missing(string part) =>
        new($"the process ended without writing '{part}'; it wrote:\n{string.Join('\n', _lines)}");
}
