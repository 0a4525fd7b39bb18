using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Mandelbox;

public sealed class StepRunnerTests
{
    private static readonly TimeSpan StepTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan UndoTimeout = TimeSpan.FromSeconds(20);
    private readonly ManualClock _clock = new();
    private readonly List<string> _log = [];
    private readonly MandelboxRun _run = new("m", new SpinUpRequest("u", "app", "0123456789", 1), "/fractal");

    private StepRunner Runner() => new(_clock, StepTimeout, UndoTimeout);

    private FakeStep Step(string name) => new(name, _log);

    private static Task Nothing(MandelboxState state) => Task.CompletedTask;

    [Fact]
    public async Task Stages_run_in_order_and_are_taken_back_in_reverse()
    {
        var runner = Runner();
        var reached = new List<MandelboxState>();
        var failure = await runner.RunAsync(
            [new(MandelboxState.Leased, Step("a")), new(null, Step("b"), Step("c")), new(MandelboxState.Created)],
            _run,
            state =>
            {
                reached.Add(state);
                return Task.CompletedTask;
            },
            CancellationToken.None);
        Assert.Null(failure);
        Assert.Equal([MandelboxState.Leased, MandelboxState.Created], reached);
        Assert.Empty(await runner.UndoAsync(_run));
        Assert.Equal(["do a", "do b", "do c", "undo c", "undo b", "undo a"], _log);
        Assert.False(runner.HasUndo);
    }

    [Fact]
    public async Task The_first_failure_ends_the_way_up_and_only_what_was_begun_is_taken_back()
    {
        var runner = Runner();
        var failing = Step("b");
        failing.Failure = "no";
        var failure = await runner.RunAsync([new(null, Step("a")), new(null, failing), new(null, Step("c"))], _run, Nothing, CancellationToken.None);
        Assert.Equal(new SpinUpFailure("b", "no"), failure);
        await runner.UndoAsync(_run);
        Assert.Equal(["do a", "do b", "undo b", "undo a"], _log);
    }

    [Fact]
    public async Task Failures_of_steps_side_by_side_are_all_told()
    {
        var (one, two) = (Step("one"), Step("two"));
        (one.Failure, two.Failure) = ("first reason", "second reason");
        var failure = await Runner().RunAsync([new(null, one, two)], _run, Nothing, CancellationToken.None);
        Assert.Contains("first reason", failure!.Reason, StringComparison.Ordinal);
        Assert.Contains("second reason", failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_step_that_throws_is_a_failure_of_that_step()
    {
        var step = Step("a");
        step.Thrown = new InvalidOperationException("boom");
        var failure = await Runner().RunAsync([new(null, step)], _run, Nothing, CancellationToken.None);
        Assert.Equal("a", failure!.Phase);
        Assert.Contains("boom", failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_step_that_takes_too_long_is_cancelled_and_told_with_its_deadline()
    {
        var step = Step("slow");
        step.Waits = true;
        var running = Runner();
        var way = running.RunAsync([new(null, step)], _run, Nothing, CancellationToken.None);
        Assert.Equal("slow", running.Running);
        _clock.Advance(StepTimeout);
        Assert.Contains("10 s", (await way)!.Reason, StringComparison.Ordinal);
        Assert.Null(running.Running);
    }

    [Fact]
    public async Task Every_undo_is_tried_whatever_the_others_did_and_only_the_failed_ones_again()
    {
        var runner = Runner();
        var (a, b, c) = (Step("a"), Step("b"), Step("c"));
        await runner.RunAsync([new(null, a), new(null, b), new(null, c)], _run, Nothing, CancellationToken.None);
        b.UndoThrown = new IOException("busy");
        var failures = await runner.UndoAsync(_run);
        Assert.Equal("b", Assert.Single(failures).Step);
        Assert.True(runner.HasUndo);
        b.UndoThrown = null;
        Assert.Empty(await runner.UndoAsync(_run));
        Assert.Equal(["undo c", "undo b", "undo a", "undo b"], _log.Where(l => l.StartsWith("undo", StringComparison.Ordinal)));
        Assert.False(runner.HasUndo);
    }

    [Fact]
    public async Task One_stage_can_be_taken_back_while_the_rest_stays()
    {
        var runner = Runner();
        var stage = new Stage(null, Step("b"), Step("c"));
        await runner.RunAsync([new(null, Step("a")), stage], _run, Nothing, CancellationToken.None);

        Assert.Empty(await runner.UndoAsync(stage, _run));
        Assert.Equal(["undo c", "undo b"], _log.Where(l => l.StartsWith("undo", StringComparison.Ordinal)));
        await runner.UndoAsync(_run);
        Assert.Equal("undo a", _log[^1]);
        Assert.False(runner.HasUndo);
    }

    [Fact]
    public async Task What_is_owed_is_taken_back_without_having_been_done()
    {
        var runner = Runner();
        await runner.RunAsync([new(null, Step("a"))], _run, Nothing, CancellationToken.None);
        runner.RegisterUndo(Step("b"));

        Assert.Empty(await runner.UndoAsync(_run));
        Assert.Equal(["do a", "undo b", "undo a"], _log);
        Assert.False(runner.HasUndo);
    }

    [Fact]
    public async Task An_undo_that_hangs_does_not_keep_the_others_from_their_turn()
    {
        var runner = Runner();
        var (a, b) = (Step("a"), Step("b"));
        await runner.RunAsync([new(null, a), new(null, b)], _run, Nothing, CancellationToken.None);
        b.UndoHangs = true;
        var undo = runner.UndoAsync(_run);
        _clock.Advance(UndoTimeout);
        Assert.Equal("b", Assert.Single(await undo).Step);
        Assert.Contains("undo a", _log);
    }

    [Fact]
    public async Task Giving_back_does_not_run_on_the_token_that_was_cancelled()
    {
        using var cancelled = new CancellationTokenSource();
        var runner = Runner();
        var step = Step("a");
        step.Waits = true;
        var way = runner.RunAsync([new(null, step)], _run, Nothing, cancelled.Token);
        await cancelled.CancelAsync();
        Assert.NotNull(await way);
        await runner.UndoAsync(_run);
        Assert.False(step.UndoToken.IsCancellationRequested);
    }

    private sealed class FakeStep(string name, List<string> log) : IMandelboxStep
    {
        public string Name => name;

        public string? Failure { get; set; }

        public Exception? Thrown { get; set; }

        public Exception? UndoThrown { get; set; }

        public bool Waits { get; set; }

        public bool UndoHangs { get; set; }

        public CancellationToken UndoToken { get; private set; }

        public async Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken)
        {
            log.Add($"do {name}");
            if (Waits)
            {
                await new TaskCompletionSource().Task.WaitAsync(cancellationToken);
            }

            return Thrown is not null ? throw Thrown : Failure is { } why ? StepResult.Failed(why) : StepResult.Done;
        }

        public Task UndoAsync(MandelboxRun run, CancellationToken cancellationToken)
        {
            log.Add($"undo {name}");
            UndoToken = cancellationToken;
            return UndoHangs ? new TaskCompletionSource().Task : UndoThrown is not null ? Task.FromException(UndoThrown) : Task.CompletedTask;
        }
    }
}
