using HostService.GrainInterfaces;
using HostService.Grains.Lifecycle;
using HostService.Grains.Mandelbox;
using HostService.Grains.Mandelbox.Steps;
using HostService.Infrastructure;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Storage.Records;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Mandelbox;

public sealed class SaveUserConfigsTests : IDisposable
{
    private static readonly TimeSpan UndoTimeout = TimeSpan.FromSeconds(20);
    private readonly ScratchDirectory _scratch = new();
    private readonly ManualClock _clock = new();
    private readonly StuckStore _store = new();
    private readonly MandelboxContext _context;

    public SaveUserConfigsTests()
    {
        _context = Contexts.Create(root: _scratch.Path, clock: _clock, options: new MandelboxOptions { CleanUpTimeout = UndoTimeout });
        (_context.UserConfigs, _context.Row.MayBeRunning) = (FetchOutcome.FirstRun, true);
    }

    private MandelboxRecords Records => new(
        Options.Create(new HostOptions { RuntimeRoot = _scratch["run"] }), NullLogger<MandelboxRecords>.Instance);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task The_directories_stay_until_the_save_has_ended_even_if_its_undo_times_out()
    {
        await RunAsync();
        var undo = _context.Steps.UndoAsync();
        await _store.Begun.Task;
        _clock.Advance(UndoTimeout);

        Assert.Equal(["save configs", "directories"], (await undo).Select(failure => failure.Step));
        Assert.True(Directory.Exists(_context.Paths.UserConfigs));
        var again = _context.Steps.UndoAsync();
        _store.End.SetResult();
        Assert.Empty(await again);
        Assert.False(Directory.Exists(_context.Paths.Home));

        // The second save began only when the first had ended.
        Assert.Equal((2, 1), (_store.Saves, _store.AtOnce));
    }

    [Theory]
    [InlineData(FetchOutcome.FirstRun, true, 1, 0)]
    [InlineData(FetchOutcome.Restored, true, 1, 0)]
    [InlineData(FetchOutcome.Unknown, true, 0, 1)]
    [InlineData(FetchOutcome.Failed, true, 0, 0)]
    [InlineData(FetchOutcome.Off, true, 0, 0)]
    [InlineData(FetchOutcome.FirstRun, false, 0, 0)]
    [InlineData(FetchOutcome.Restored, false, 0, 0)]
    [InlineData(null, false, 0, 0)]
    public async Task Whether_configs_are_saved_depends_on_the_fetch_and_on_whether_the_user_may_have_connected(
        FetchOutcome? fetched, bool mayBeRunning, int saves, int savesIfAbsent)
    {
        (_context.UserConfigs, _context.Row.MayBeRunning) = (fetched, mayBeRunning);
        _store.End.SetResult();
        await RunAsync();
        Assert.Empty(await _context.Steps.UndoAsync());
        Assert.Equal((saves, savesIfAbsent), (_store.Saves, _store.SavesIfAbsent));
        Assert.False(Directory.Exists(_context.Paths.Home));
    }

    private Task<StepFailure?> RunAsync() => _context.Steps.RunAsync(
        [new(new CreateDirectories(new MandelboxFiles(_clock)), new SaveUserConfigs(_store, Records, HostEnvironment.Dev, NullLogger.Instance))],
        CancellationToken.None);

    /// <summary>Saves end when the test says, and ignore their tokens.</summary>
    private sealed class StuckStore : IUserConfigStore
    {
        private int _running;

        public TaskCompletionSource Begun { get; } = new();

        public TaskCompletionSource End { get; } = new();

        public int Saves { get; private set; }

        public int SavesIfAbsent { get; private set; }

        public int AtOnce { get; private set; }

        public Task<FetchAnswer> FetchAsync(
            UserConfigKey key, string encryptionToken, string directory, CancellationToken cancellationToken) =>
            Task.FromResult(new FetchAnswer(FetchOutcome.FirstRun));

        public async Task<SaveAnswer> SaveAsync(
            UserConfigKey key, ArchiveKey archiveKey, string directory, CancellationToken cancellationToken)
        {
            Saves++;
            AtOnce = Math.Max(AtOnce, ++_running);
            Begun.TrySetResult();
            await End.Task;
            _running--;
            cancellationToken.ThrowIfCancellationRequested();
            return new SaveAnswer(Saved: true);
        }

        public Task<SaveAnswer> SaveIfAbsentAsync(
            UserConfigKey key, ArchiveKey archiveKey, string directory, CancellationToken cancellationToken)
        {
            SavesIfAbsent++;
            return Task.FromResult(new SaveAnswer(Saved: true));
        }

        public Task<string> TestAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
