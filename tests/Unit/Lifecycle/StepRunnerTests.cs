using HostService.Grains.Lifecycle;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Lifecycle;

public sealed class StepRunnerTests
{
    private static readonly TimeSpan StepTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan UndoTimeout = TimeSpan.FromSeconds(20);
    private readonly ManualClock _clock = new();
    private readonly List<string> _log = [];
    private readonly StepRunner<List<string>> _runner;

    public StepRunnerTests() => _runner = new StepRunner<List<string>>(_log, _clock, StepTimeout, UndoTimeout);

    private IEnumerable<string> Undone => _log.Where(line => line.StartsWith("undo", StringComparison.Ordinal));

    [Fact]
    public async Task Stages_run_in_order_and_are_undone_in_reverse()
    {
        Assert.Null(await RunAsync(new(Step("a")), new(Step("b"), Step("c"))));
        Assert.Empty(await _runner.UndoAsync());
        Assert.Equal(["do a", "do b", "do c", "undo c", "undo b", "undo a"], _log);
        Assert.False(_runner.HasUndo);
    }

    [Fact]
    public async Task The_first_failure_ends_the_run_and_only_what_was_begun_is_undone()
    {
        var failing = Step("b");
        failing.Failure = "no";
        Assert.Equal(new StepFailure("b", "no"), await RunAsync(new(Step("a")), new(failing), new(Step("c"))));
        await _runner.UndoAsync();
        Assert.Equal(["do a", "do b", "undo b", "undo a"], _log);
    }

    [Fact]
    public async Task Failures_of_parallel_steps_are_all_reported()
    {
        var (one, two) = (Step("one"), Step("two"));
        (one.Failure, two.Failure) = ("first reason", "second reason");
        var failure = await RunAsync(new Stage<List<string>>(one, two));
        Assert.Equal(("one", "one: first reason; two: second reason"), (failure!.Step, failure.Reason));
    }

    [Fact]
    public async Task No_stage_begins_while_a_step_of_the_one_before_it_runs()
    {
        var (slow, failing) = (Step("slow"), Step("failing"));
        slow.Waits = true;
        failing.Failure = "no";
        var run = RunAsync(new Stage<List<string>>(slow, failing));
        Assert.False(run.IsCompleted);
        _clock.Advance(StepTimeout);
        Assert.NotNull(await run);
    }

    [Fact]
    public async Task A_step_that_throws_is_a_failure_of_that_step_with_its_exception()
    {
        var step = Step("a");
        step.Thrown = new InvalidOperationException("boom");
        Assert.Equal(new StepFailure("a", "boom", step.Thrown), await RunAsync(new Stage<List<string>>(step)));
    }

    [Fact]
    public async Task A_step_that_takes_too_long_is_cancelled_and_the_reason_names_the_timeout()
    {
        var step = Step("slow");
        step.Waits = true;
        var run = RunAsync(new Stage<List<string>>(step));
        Assert.Equal("slow", _runner.Running);
        _clock.Advance(StepTimeout);
        Assert.Equal("slow took longer than 10 s", (await run)!.Reason);
        Assert.Null(_runner.Running);
    }

    [Fact]
    public async Task A_timeout_of_the_steps_own_replaces_the_runners()
    {
        var step = Step("slow");
        (step.Waits, step.Timeout) = (true, TimeSpan.FromSeconds(3));
        var run = RunAsync(new Stage<List<string>>(step));
        _clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal("slow took longer than 3 s", (await run)!.Reason);
    }

    [Fact]
    public async Task Each_undo_is_tried_and_only_failed_ones_are_tried_again()
    {
        var b = Step("b");
        await RunAsync(new(Step("a")), new(b), new(Step("c")));
        b.UndoThrown = new IOException("busy");
        Assert.Equal(new UndoFailure("b", b.UndoThrown), Assert.Single(await _runner.UndoAsync()));
        Assert.True(_runner.HasUndo);
        b.UndoThrown = null;
        Assert.Empty(await _runner.UndoAsync());
        Assert.Equal(["undo c", "undo b", "undo a", "undo b"], Undone);
        Assert.False(_runner.HasUndo);
    }

    [Fact]
    public async Task Some_stages_can_be_undone_while_the_rest_stays()
    {
        var (second, third) = (new Stage<List<string>>(Step("b"), Step("c")), new Stage<List<string>>(Step("d")));
        await RunAsync(new(Step("a")), second, third, new(Step("e")));

        Assert.Empty(await _runner.UndoAsync(second, third));
        Assert.Equal(["undo d", "undo c", "undo b"], Undone);
        await _runner.UndoAsync();
        Assert.Equal(["undo e", "undo a"], Undone.Skip(3));
        Assert.False(_runner.HasUndo);
    }

    [Fact]
    public async Task A_step_registered_for_undo_is_undone_without_having_run()
    {
        await RunAsync(new Stage<List<string>>(Step("a")));
        _runner.RegisterUndo(Step("b"));

        Assert.Empty(await _runner.UndoAsync());
        Assert.Equal(["do a", "undo b", "undo a"], _log);
        Assert.False(_runner.HasUndo);
    }

    [Fact]
    public async Task An_undo_that_hangs_times_out_and_the_others_are_tried()
    {
        var b = Step("b");
        await RunAsync(new(Step("a")), new(b));
        b.UndoHangs = true;
        var undo = _runner.UndoAsync();
        _clock.Advance(UndoTimeout);
        var failure = Assert.Single(await undo);
        Assert.Equal(("b", "it took longer than 20 s"), (failure.Step, failure.Exception.Message));
        Assert.Contains("undo a", _log);
    }

    [Fact]
    public async Task An_undo_does_not_run_on_the_token_that_was_cancelled()
    {
        using var cancelled = new CancellationTokenSource();
        var step = Step("a");
        step.Waits = true;
        var run = _runner.RunAsync([new(step)], cancelled.Token);
        await cancelled.CancelAsync();
        Assert.Equal("cancelled during a", (await run)!.Reason);
        await _runner.UndoAsync();
        Assert.False(step.UndoToken.IsCancellationRequested);
    }

    [Fact]
    public async Task A_cancelled_run_begins_no_further_stage()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        Assert.Equal("cancelled", (await _runner.RunAsync([new(Step("a"))], cancelled.Token))!.Step);
        Assert.Empty(_log);
    }

    private Task<StepFailure?> RunAsync(params Stage<List<string>>[] stages) => _runner.RunAsync(stages, CancellationToken.None);

    private static FakeStep Step(string name) => new(name);

    private sealed class FakeStep(string name) : IStep<List<string>>
    {
        public string Name => name;

        public TimeSpan? Timeout { get; set; }

        public string? Failure { get; set; }

        public Exception? Thrown { get; set; }

        public Exception? UndoThrown { get; set; }

        public bool Waits { get; set; }

        public bool UndoHangs { get; set; }

        public CancellationToken UndoToken { get; private set; }

        public async Task<StepResult> DoAsync(List<string> context, CancellationToken cancellationToken)
        {
            context.Add($"do {name}");
            if (Waits)
            {
                await new TaskCompletionSource().Task.WaitAsync(cancellationToken);
            }

            return Thrown is not null ? throw Thrown : Failure is { } reason ? StepResult.Failed(reason) : StepResult.Done;
        }

        public Task UndoAsync(List<string> context, CancellationToken cancellationToken)
        {
            context.Add($"undo {name}");
            UndoToken = cancellationToken;
            return UndoHangs
                ? new TaskCompletionSource().Task
                : UndoThrown is not null ? Task.FromException(UndoThrown) : Task.CompletedTask;
        }
    }
}
