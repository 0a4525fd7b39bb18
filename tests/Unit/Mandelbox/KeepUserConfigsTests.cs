using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox;
using HostService.Grains.Mandelbox.Steps;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace HostService.Tests.Unit.Mandelbox;

public sealed class KeepUserConfigsTests : IDisposable
{
    private static readonly TimeSpan UndoTimeout = TimeSpan.FromSeconds(20);
    private readonly ScratchDirectory _scratch = new();
    private readonly ManualClock _clock = new();
    private readonly StuckStore _store = new();
    private readonly StepRunner _runner;
    private readonly MandelboxRun _run;

    public KeepUserConfigsTests()
    {
        _runner = new StepRunner(_clock, TimeSpan.FromSeconds(10), UndoTimeout);
        _run = new MandelboxRun("m", new SpinUpRequest("u", "app", "0123456789", 1), _scratch.Path) { Configs = FetchOutcome.FirstRun, UserMayHaveCome = true };
    }

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task The_directories_stay_until_the_verdict_of_a_save_is_known_whatever_its_deadline_says()
    {
        await BeginAsync();
        var undoing = _runner.UndoAsync(_run);
        await _store.Begun.Task;
        _clock.Advance(UndoTimeout);

        Assert.Equal(["keep configs", "directories"], (await undoing).Select(failure => failure.Step));
        Assert.True(Directory.Exists(_run.Paths.UserConfigs));
        var again = _runner.UndoAsync(_run);
        _store.End.SetResult();
        Assert.Empty(await again);
        Assert.False(Directory.Exists(_run.Paths.Home));

        // The second one began only when the first had ended.
        Assert.Equal((2, 1), (_store.Saves, _store.AtOnce));
    }

    [Theory]
    [InlineData(FetchOutcome.FirstRun, true, 1, 0)]
    [InlineData(FetchOutcome.Restored, true, 1, 0)]
    [InlineData(FetchOutcome.Unknown, true, 0, 1)]
    [InlineData(FetchOutcome.Failed, true, 0, 0)]
    [InlineData(FetchOutcome.FirstRun, false, 0, 0)]
    [InlineData(FetchOutcome.Restored, false, 0, 0)]
    [InlineData(null, false, 0, 0)]
    public async Task What_is_saved_depends_on_what_was_fetched_and_on_whether_the_user_may_have_come(FetchOutcome? fetched, bool came, int saves, int savesIfAbsent)
    {
        (_run.Configs, _run.UserMayHaveCome) = (fetched, came);
        _store.End.SetResult();
        await BeginAsync();
        Assert.Empty(await _runner.UndoAsync(_run));
        Assert.Equal((saves, savesIfAbsent), (_store.Saves, _store.SavesIfAbsent));
        Assert.False(Directory.Exists(_run.Paths.Home));
    }

    private Task<SpinUpFailure?> BeginAsync() => _runner.RunAsync(
        [new(null, new MakeDirectories(new MandelboxFiles(_clock)), new KeepUserConfigs(_store, _ => new UserConfigKey("u", "dev", "app"), NullLogger.Instance))],
        _run,
        _ => Task.CompletedTask,
        CancellationToken.None);

    /// <summary>Saves that end when the test says, and heed nothing else.</summary>
    private sealed class StuckStore : IUserConfigStore
    {
        private int _running;

        public TaskCompletionSource Begun { get; } = new();

        public TaskCompletionSource End { get; } = new();

        public int Saves { get; private set; }

        public int SavesIfAbsent { get; private set; }

        public int AtOnce { get; private set; }

        public Task<FetchAnswer> FetchAsync(UserConfigKey key, string encryptionToken, string directory, CancellationToken cancellationToken) =>
            Task.FromResult(new FetchAnswer(FetchOutcome.FirstRun));

        public async Task<SaveAnswer> SaveAsync(UserConfigKey key, string encryptionToken, string directory, CancellationToken cancellationToken)
        {
            Saves++;
            AtOnce = Math.Max(AtOnce, ++_running);
            Begun.TrySetResult();
            await End.Task;
            _running--;
            cancellationToken.ThrowIfCancellationRequested();
            return new SaveAnswer(Saved: true);
        }

        public Task<SaveAnswer> SaveIfAbsentAsync(UserConfigKey key, string encryptionToken, string directory, CancellationToken cancellationToken)
        {
            SavesIfAbsent++;
            return Task.FromResult(new SaveAnswer(Saved: true));
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
