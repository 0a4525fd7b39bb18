using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure;
using HostService.Infrastructure.Files;
using HostService.Silo.Lifecycle;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Lifecycle;

/// <summary>The end of all mandelboxes at the host's shutdown (B30).</summary>
public sealed class MandelboxShutdownTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();
    private readonly ManualClock _clock = new();
    private readonly FakeGrains _grains = new();

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Directories_stay_exactly_while_a_container_may_still_run(bool mayRun)
    {
        var left = Dying(mayRun);
        _grains.Host<IReadOnlyList<MandelboxDescription>>(nameof(IHostGrain.ListMandelboxes), [left])
            .Mandelbox<MandelboxDescription?>(nameof(IMandelboxGrain.Describe), left)
            .Mandelbox(nameof(IMandelboxGrain.Stop), true);
        var options = new HostOptions
        {
            Root = _scratch["fractal"],
            PrivateRoot = _scratch["private"],
            CloudStorageRoot = _scratch["cloud"],
            ManageSystem = false,
        };
        using var directories = new HostDirectories(Options.Create(options), NullLogger<HostDirectories>.Instance);
        directories.Make();

        await new MandelboxShutdown(
            _grains.Factory, directories, Options.Create(new MandelboxOptions()), _clock, NullLogger<MandelboxShutdown>.Instance)
            .RunAsync(_grains.Factory.GetGrain<IHostGrain>("host"), EndCause.EngineLost, CancellationToken.None);
        directories.RemoveAll();

        Assert.Equal(mayRun, Directory.Exists(options.Root));
    }

    [Fact]
    public async Task A_clean_up_that_failed_at_first_is_waited_for_until_a_retry_succeeds()
    {
        MandelboxDescription? left = Dying(mayRun: false);
        _grains.Host<IReadOnlyList<MandelboxDescription>>(
                nameof(IHostGrain.ListMandelboxes), _ => Task.FromResult<IReadOnlyList<MandelboxDescription>>(left is null ? [] : [left]))
            .Mandelbox<MandelboxDescription?>(nameof(IMandelboxGrain.Describe), _ => Task.FromResult<MandelboxDescription?>(left))
            .Mandelbox(nameof(IMandelboxGrain.Stop), true);
        var options = new MandelboxOptions();
        using var directories = new HostDirectories(
            Options.Create(new HostOptions { Root = _scratch["fractal"], ManageSystem = false }), NullLogger<HostDirectories>.Instance);

        var shutdown = new MandelboxShutdown(
            _grains.Factory, directories, Options.Create(options), _clock, NullLogger<MandelboxShutdown>.Instance)
            .RunAsync(_grains.Factory.GetGrain<IHostGrain>("host"), EndCause.HostStopped, CancellationToken.None);
        await _clock.TimerSetAsync(options.RetryAfter);
        Assert.False(shutdown.IsCompleted);
        left = null;
        _clock.Advance(options.RetryAfter);

        await shutdown;
        Assert.Empty(directories.InUseBy);
    }

    [Fact]
    public async Task A_container_that_only_the_agent_ends_is_not_waited_for_and_what_it_uses_stays()
    {
        var left = Dying(mayRun: true) with { ExpectedContainerId = "of-the-agent" };
        _grains.Host<IReadOnlyList<MandelboxDescription>>(nameof(IHostGrain.ListMandelboxes), [left])
            .Mandelbox<MandelboxDescription?>(nameof(IMandelboxGrain.Describe), left)
            .Mandelbox(nameof(IMandelboxGrain.Stop), true);
        using var directories = new HostDirectories(
            Options.Create(new HostOptions { Root = _scratch["fractal"], ManageSystem = false }), NullLogger<HostDirectories>.Instance);

        await new MandelboxShutdown(
            _grains.Factory, directories, Options.Create(new MandelboxOptions()), _clock, NullLogger<MandelboxShutdown>.Instance)
            .RunAsync(_grains.Factory.GetGrain<IHostGrain>("host"), EndCause.HostStopped, CancellationToken.None)
            .WaitAsync(TimeSpan.FromSeconds(10));

        Assert.Equal(["m1"], directories.InUseBy);
    }

    [Fact]
    public async Task Directories_stay_where_the_host_does_not_say_which_mandelboxes_use_them()
    {
        _grains.Host<IReadOnlyList<MandelboxDescription>>(
            nameof(IHostGrain.ListMandelboxes), _ => throw new TimeoutException("no answer"));
        var options = new HostOptions
        {
            Root = _scratch["fractal"],
            PrivateRoot = _scratch["private"],
            CloudStorageRoot = _scratch["cloud"],
            ManageSystem = false,
        };
        using var directories = new HostDirectories(Options.Create(options), NullLogger<HostDirectories>.Instance);
        directories.Make();

        await Assert.ThrowsAsync<TimeoutException>(() => new MandelboxShutdown(
            _grains.Factory, directories, Options.Create(new MandelboxOptions()), _clock, NullLogger<MandelboxShutdown>.Instance)
            .RunAsync(_grains.Factory.GetGrain<IHostGrain>("host"), EndCause.HostStopped, CancellationToken.None));
        directories.RemoveAll();

        Assert.True(Directory.Exists(options.Root));
    }

    private MandelboxDescription Dying(bool mayRun) => new()
    {
        MandelboxId = "m1",
        State = MandelboxState.Dying,
        Since = _clock.GetUtcNow(),
        CreatedAt = _clock.GetUtcNow(),
        ContainerMayRun = mayRun,
    };
}
