using System.Collections.Concurrent;
using HostService.Infrastructure.Backend.Connection;
using HostService.Infrastructure.Backend.Outbox;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Database;

public sealed class OutboxProcessorTests : IAsyncDisposable
{
    private readonly ManualClock _clock = new();
    private readonly RecordingLogger<OutboxProcessor> _log = new();
    private readonly ConcurrentQueue<string> _written = new();
    private readonly OutboxProcessor _processor;
    private Func<RowWrite, Task> _write = _ => Task.CompletedTask;

    public OutboxProcessorTests() => _processor = new OutboxProcessor(
        async (write, _) =>
        {
            await _write(write);
            _written.Enqueue($"{write.Row.Id} {write.What}");
        },
        new DatabaseOptions(),
        _clock,
        _log);

    [Fact]
    public async Task While_the_database_answers_a_write_is_done_when_the_call_returns()
    {
        await Put("a", "RUNNING");

        Assert.Equal(["a RUNNING"], _written);
        Assert.Empty(_processor.Pending);
    }

    [Fact]
    public async Task No_write_overtakes_an_older_one_of_the_same_row_that_is_still_under_way()
    {
        var (isUnderWay, mayGoOn) = (Signal(), Signal());
        _write = async write =>
        {
            if (write.Status == "RUNNING")
            {
                isUnderWay.SetResult();
                await mayGoOn.Task;
            }
        };
        var running = Put("a", "RUNNING");
        await isUnderWay.Task;
        var dying = Put("a", "DYING");
        await Put("b", "DYING");
        Assert.Equal(["b DYING"], _written);

        mayGoOn.SetResult();
        await Task.WhenAll(running, dying);

        Assert.Equal(["b DYING", "a RUNNING", "a DYING"], _written);
    }

    [Fact]
    public async Task During_an_outage_writes_are_kept_without_a_try_each_and_then_written_in_order()
    {
        var tries = 0;
        _write = _ =>
        {
            tries++;
            throw Away();
        };
        await Put("a", "RUNNING");
        await Put("b", "RUNNING");
        await Put("c", "RUNNING");
        await Put("a", "DYING");
        Assert.Equal(1, tries);
        Assert.Contains(
            "RUNNING of mandelbox a could not be written and will be retried: away", Assert.Single(_log.Lines), StringComparison.Ordinal);

        _write = _ => Task.CompletedTask;
        await PassAsync(1);
        await _log.LineAsync("up to 3 delayed ones");

        Assert.Equal(["b RUNNING", "c RUNNING", "a DYING"], _written);
        await Put("d", "RUNNING");
        Assert.Equal("d RUNNING", _written.Last());
    }

    [Fact]
    public async Task Tries_come_further_and_further_apart_up_to_a_limit_and_only_one_write_pays_for_each()
    {
        var tries = 0;
        _write = _ =>
        {
            tries++;
            throw Away();
        };
        await Put("a", "RUNNING");
        await Put("b", "RUNNING");
        foreach (var seconds in (int[])[1, 2, 4, 8, 10, 10])
        {
            await PassAsync(seconds);
        }

        await _clock.TimerSetAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(7, tries);
        Assert.Single(_log.Lines);
    }

    [Fact]
    public async Task A_write_that_the_database_refuses_holds_no_other_row_up()
    {
        _write = write => write.Row.Id == "a" ? throw new BackendDatabaseException("permission denied") : Task.CompletedTask;
        await Put("a", "RUNNING");
        await Put("b", "RUNNING");

        Assert.Equal(["b RUNNING"], _written);
        Assert.Equal("a", Assert.Single(_processor.Pending).Row.Id);

        _write = _ => Task.CompletedTask;
        await PassAsync(1);
        await _log.LineAsync("accepts writes again");
        Assert.Equal(["b RUNNING", "a RUNNING"], _written);
    }

    [Fact]
    public async Task Even_an_error_that_nobody_foresaw_loses_no_write()
    {
        _write = _ => throw new InvalidOperationException("a defect");
        await Put("a", null);

        Assert.Equal(new RowWrite(Row("a"), null), Assert.Single(_processor.Pending));
        Assert.Contains(
            "the removal of mandelbox a could not be written and will be retried: a defect",
            Assert.Single(_log.Lines),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_query_that_succeeds_ends_the_pause()
    {
        _write = _ => throw Away();
        await Put("a", "RUNNING");
        await _clock.TimerSetAsync(TimeSpan.FromSeconds(1));
        _write = _ => Task.CompletedTask;

        _processor.OnDatabaseAnswered();
        await _log.LineAsync("accepts writes again");

        Assert.Equal(["a RUNNING"], _written);
    }

    [Fact]
    public async Task Flushing_a_row_writes_what_it_still_lacks_and_says_whether_that_worked()
    {
        _write = _ => throw Away();
        await Put("a", "DYING");
        Assert.False(await _processor.FlushAsync(Row("a"), default));
        Assert.True(await _processor.FlushAsync(Row("b"), default));

        _write = _ => Task.CompletedTask;
        Assert.True(await _processor.FlushAsync(Row("a"), default));
        Assert.Equal(["a DYING"], _written);
    }

    [Fact]
    public async Task Flushing_waits_for_everything_and_ends_when_it_is_cancelled()
    {
        _write = _ => throw Away();
        await Put("a", "DYING");
        using var stop = new CancellationTokenSource();
        var first = _processor.FlushAsync(stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);

        _write = _ => Task.CompletedTask;
        await _processor.FlushAsync(default);
        Assert.Empty(_processor.Pending);
    }

    [Fact]
    public async Task Disposing_ends_the_tries_and_leaves_nothing_running()
    {
        _write = _ => throw Away();
        await Put("a", "DYING");
        await _clock.TimerSetAsync(TimeSpan.FromSeconds(1));

        await _processor.DisposeAsync();

        Assert.Equal(0, _clock.PendingTimers);
    }

    public ValueTask DisposeAsync() => _processor.DisposeAsync();

    private static BackendDatabaseException Away() => new("away") { Unreachable = true };

    private static RowKey Row(string id) => new(RowKind.Mandelbox, id);

    private static TaskCompletionSource Signal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Task Put(string id, string? status) => _processor.PutAsync(new RowWrite(Row(id), status), default);

    private async Task PassAsync(int seconds)
    {
        await _clock.TimerSetAsync(TimeSpan.FromSeconds(seconds));
        _clock.Advance(TimeSpan.FromSeconds(seconds));
    }
}
