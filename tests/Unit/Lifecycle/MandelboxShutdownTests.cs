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
        var left = new MandelboxDescription
        {
            MandelboxId = "m1",
            State = MandelboxState.Dying,
            Since = _clock.GetUtcNow(),
            CreatedAt = _clock.GetUtcNow(),
            ContainerMayRun = mayRun,
        };
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
            .RunAsync(_grains.Factory.GetGrain<IHostGrain>("host"), CancellationToken.None);
        directories.RemoveAll();

        Assert.Equal(mayRun, Directory.Exists(options.Root));
    }
}
