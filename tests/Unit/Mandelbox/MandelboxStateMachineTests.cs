using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Mandelbox;

public sealed class MandelboxStateMachineTests
{
    private readonly ManualClock _clock = new();
    private readonly RecordingLogger<MandelboxStateMachine> _log = new();
    private readonly MandelboxStateMachine _state;
    private int _moves;

    public MandelboxStateMachineTests() => _state = new MandelboxStateMachine($"m-{Guid.NewGuid()}", _clock, _log)
    {
        Moved = () =>
        {
            _moves++;
            return Task.CompletedTask;
        },
    };

    [Fact]
    public async Task A_move_is_logged_and_reported_and_says_when()
    {
        _clock.Advance(TimeSpan.FromSeconds(5));
        await _state.MoveToAsync(MandelboxState.Leased);

        Assert.Equal((MandelboxState.Leased, _clock.GetUtcNow(), 1), (_state.Current, _state.Since, _moves));
        Assert.EndsWith("Allocated -> Leased after 5000 ms", Assert.Single(_log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_an_earlier_run_has_seen_of_it_counts_from_then_on_if_it_ends_with_the_same_state()
    {
        MandelboxPhase[] earlier =
            [new(MandelboxState.Allocated, _clock.GetUtcNow().AddHours(-2)), new(MandelboxState.Running, _clock.GetUtcNow().AddHours(-1))];

        await _state.MoveToAsync(MandelboxState.Running, earlier);
        await _state.MoveToAsync(MandelboxState.Dying, earlier);

        Assert.Equal([.. earlier, new(MandelboxState.Dying, _clock.GetUtcNow())], _state.Phases);
    }

    [Fact]
    public async Task A_clock_that_is_set_back_does_not_make_a_state_shorter()
    {
        _clock.Advance(TimeSpan.FromSeconds(5));
        _clock.Set(TimeSpan.FromHours(-1));
        await _state.MoveToAsync(MandelboxState.Leased);

        Assert.EndsWith("Allocated -> Leased after 5000 ms", Assert.Single(_log.Lines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(MandelboxState.Allocated)]
    [InlineData(MandelboxState.Started)]
    [InlineData(MandelboxState.Gone)]
    public async Task A_move_that_the_matrix_forbids_throws_is_logged_and_counted_and_changes_nothing(MandelboxState next)
    {
        var before = Refused(next);

        await Assert.ThrowsAsync<InvalidOperationException>(() => _state.MoveToAsync(next));

        Assert.Equal((MandelboxState.Allocated, 0), (_state.Current, _moves));
        Assert.Contains($"refused to move from Allocated to {next}", Assert.Single(_log.Lines), StringComparison.Ordinal);
        Assert.True(Refused(next) > before);
    }

    [Theory]
    [InlineData(MandelboxState.Leased)]
    [InlineData(MandelboxState.Running)]
    public async Task A_mandelbox_that_is_ending_drops_moves_that_would_keep_it_alive(MandelboxState next)
    {
        _state.BeginEnd(EndCause.Operator, "the operator asked for it");
        await _state.MoveToAsync(next);
        Assert.Equal((MandelboxState.Allocated, 0, false), (_state.Current, _moves, _state.IsAlive));

        await _state.MoveToAsync(MandelboxState.Dying);
        await _state.MoveToAsync(next);
        await _state.MoveToAsync(MandelboxState.Gone);
        await _state.MoveToAsync(next);
        Assert.Equal((MandelboxState.Gone, 2), (_state.Current, _moves));
        Assert.Equal(["Allocated -> Dying", "Dying -> Gone"], _log.Lines.Select(line => line.Split(": ")[^1].Split(" after")[0]));
    }

    [Fact]
    public void The_first_reason_to_end_counts()
    {
        _state.BeginEnd(EndCause.Operator, "first");
        _state.BeginEnd(EndCause.Operator, "second");
        Assert.Equal("first", _state.EndReason);
    }

    /// <summary>The counter is the process's.</summary>
    private static long Refused(MandelboxState next) =>
        ObservedCounts.Read("host_service.mandelbox.refused_transitions")[$"from=allocated to={MetricLabels.Of(next)}"];
}
