using System.Diagnostics.Metrics;
using HostService.GrainInterfaces;
using HostService.Grains;
using HostService.Grains.Host;
using HostService.Grains.Mandelbox;
using HostService.Grains.Mandelbox.Ecs;
using HostService.Grains.Mandelbox.Steps;
using HostService.Infrastructure;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Storage.Records;
using HostService.Silo.Background;
using HostService.Silo.Hosting;
using HostService.Silo.Startup;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Startup;

/// <summary>The two mandelboxes of B5, and the probe of a host whose spin-ups fail.</summary>
public sealed class WarmUpTests : IDisposable
{
    private const string Chrome = "fractal/browsers/chrome:current-build";
    private static readonly Lease Lease = new(
        Guid.NewGuid(),
        MandelboxIds.WarmUp,
        10,
        0,
        [.. MandelboxPorts.All.Select((p, i) => new PortBinding(p.Port, p.Transport, (ushort)(20000 + i)))]);

    private readonly ScratchDirectory _scratch = new();
    private readonly ManualClock _clock = new();
    private readonly FakeContainerEngine _engine;
    private readonly FakeInputDevices _input = new();
    private readonly FakeGrains _grains = new();
    private readonly WarmUpOptions _options = new();
    private readonly RecordingLogger<WarmUp> _log = new();
    private readonly ServiceProvider _meters = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly HostInfoSource _info = new(Info(HostEnvironment.Dev));

    public WarmUpTests()
    {
        _engine = new FakeContainerEngine(_clock);
        _engine.Images.Add(Chrome);
        _grains.Host(nameof(IHostGrain.AcquireLease), LeaseAnswer.Granted(Lease))
            .Host(nameof(IHostGrain.ReleaseLease), 0)
            .Host(nameof(IHostGrain.ReportSpinUp), 0)
            .Host(nameof(IHostGrain.Report), 0);
    }

    private MandelboxPaths Paths => new(_scratch.Path, MandelboxIds.WarmUp);

    public void Dispose()
    {
        _scratch.Dispose();
        _meters.Dispose();
    }

    [Fact]
    public async Task Two_whole_mandelboxes_run_one_after_the_other_until_their_app_is_up_and_five_seconds_more()
    {
        var run = WarmUpAsync();
        for (var i = 1; i <= 2; i++)
        {
            await _engine.Until(e => e.CallsOf(EngineCall.Start) == i);
            var spec = _engine.SpecOf(Assert.Single(_engine.Containers).Id);
            Assert.Equal((Chrome, 3, 1), (spec.Image, spec.Ports.Count, _input.Open));
            Assert.Contains(spec.Devices, d => d.StartsWith("/dev/input/", StringComparison.Ordinal));

            // Up to the wait for the app: everything is there that a user's mandelbox has.
            await _clock.TimerSetAsync(TimeSpan.FromSeconds(10));
            Assert.Equal("10", await File.ReadAllTextAsync(Path.Combine(Paths.ResourceMappings, "tty")));
            Assert.True(File.Exists(Path.Combine(Paths.ResourceMappings, ".ready")));
            await File.WriteAllTextAsync(Path.Combine(Paths.ResourceMappings, WaitForApp.SignalFile), "");
            await _clock.TimerSetAsync(TimeSpan.FromSeconds(5));
            Assert.Single(_engine.Containers);
            _clock.Advance(TimeSpan.FromSeconds(5));
            await _engine.Until(e => e.CallsOf(EngineCall.Remove) == i);
        }

        await run;
        Assert.Empty(_engine.Containers);
        Assert.Equal(0, _input.Open);
        Assert.False(Directory.Exists(Paths.Home));
        Assert.Equal(2, _grains.CallsOf(nameof(IHostGrain.ReleaseLease)).Count());
        var reports = _grains.CallsOf(nameof(IHostGrain.Report)).Select(c => c.Argument<MandelboxDescription>().State).ToList();
        Assert.Equal(2, reports.Count(s => s == MandelboxState.Gone));
        Assert.Contains("Information: Warm-up 1: 5000 ms", _log.Lines);
        Assert.Contains("Information: Warm-up 2: 5000 ms", _log.Lines);
    }

    [Fact]
    public async Task An_app_that_does_not_come_up_is_told_after_five_minutes_and_nothing_is_left()
    {
        var run = WarmUpAsync();
        for (var waited = TimeSpan.Zero; waited < TimeSpan.FromMinutes(5); waited += TimeSpan.FromSeconds(10))
        {
            await _clock.TimerSetAsync(TimeSpan.FromSeconds(10));
            _clock.Advance(TimeSpan.FromSeconds(10));
        }

        Assert.Contains("did not come up within 300 s", (await FailureAsync(run)).Message, StringComparison.Ordinal);
        Assert.Empty(_engine.Containers);
        Assert.False(Directory.Exists(Paths.Home));
    }

    [Fact]
    public async Task A_container_that_ends_is_told_at_the_next_look()
    {
        var run = WarmUpAsync();
        await _clock.TimerSetAsync(TimeSpan.FromSeconds(10));
        _engine.Die(Assert.Single(_engine.Containers).Id, 3);
        _clock.Advance(TimeSpan.FromSeconds(10));

        Assert.Contains("exit code 3", (await FailureAsync(run)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_an_image_it_is_refused()
    {
        _engine.Images.Clear();
        _engine.Images.Add("busybox:latest");

        Assert.Contains("no image", (await FailureAsync(WarmUpAsync())).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Chrome, "ghcr.io/fractal/dev/browsers/chrome:current-build", Chrome)]
    [InlineData("ghcr.io/fractal/dev/x:1", "ghcr.io/fractal/prod/browsers/chrome:current-build", "ghcr.io/fractal/prod/browsers/chrome:current-build")]
    [InlineData(
        "ghcr.io/fractal/qa/tools/chrome:current-build", "ghcr.io/fractal/qa/browsers/chrome:current-build",
        "ghcr.io/fractal/qa/browsers/chrome:current-build")]
    [InlineData("my/fractal:1", "ghcr.io/fractal/dev/x:1", "ghcr.io/fractal/dev/x:1")]
    [InlineData("busybox", "my/fractal:1", "my/fractal:1")]
    public async Task The_image_most_like_what_users_run_is_taken(string one, string other, string taken)
    {
        _engine.Images.Clear();
        _engine.Images.Add(one);
        _engine.Images.Add(other);
        using var held = _engine.Hold(EngineCall.Start);
        var run = Mandelbox().RunAsync(waitForApp: false, CancellationToken.None);
        await held.Entered;

        Assert.Equal(taken, _engine.SpecOf(Assert.Single(_engine.Containers).Id).Image);

        held.Release();
        Assert.Null(await run);
    }

    [Fact]
    public async Task What_a_run_that_crashed_while_it_warmed_up_has_left_is_removed_first_and_nothing_else()
    {
        await MakeAsync("host-service-warmup-host-service-warmup", MandelboxIds.WarmUp);
        await MakeAsync("before-the-host-was-renamed", MandelboxIds.WarmUp, "host-6");
        await MakeAsync("another-host's", MandelboxIds.WarmUp, "host-6", "/elsewhere");
        await MakeAsync("somebody-elses", "browsers/chrome");

        Assert.Null(await Mandelbox().RunAsync(waitForApp: false, CancellationToken.None));

        Assert.Equal(["another-host's", "somebody-elses"], _engine.Containers.Select(c => c.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_container_that_cannot_be_taken_down_fails_it_and_keeps_what_it_uses()
    {
        _engine.FailNext(EngineCall.Stop, times: 3);
        _engine.FailNext(EngineCall.Remove, times: 3);
        var run = Mandelbox().RunAsync(waitForApp: false, CancellationToken.None);
        for (var i = 0; i < 2; i++)
        {
            await _clock.TimerSetAsync(TimeSpan.FromSeconds(2));
            _clock.Advance(TimeSpan.FromSeconds(2));
        }

        Assert.Contains("could not be taken down", (await run)!.Reason, StringComparison.Ordinal);
        Assert.True(Directory.Exists(Paths.Home));
        Assert.Empty(_grains.CallsOf(nameof(IHostGrain.ReleaseLease)));
    }

    [Fact]
    public async Task A_host_whose_spin_ups_fail_probes_with_growing_pauses_and_reports_success_once_containers_start()
    {
        _info.Set(Info(HostEnvironment.LocalDev));
        _grains.Host(nameof(IHostGrain.Describe), Described(failed: 3));
        _engine.FailNext(EngineCall.Start, times: 2);
        using var stop = new CancellationTokenSource();
        var probe = new SpinUpProbe(
            _grains.Factory, _info, Mandelbox(), Options.Create(_options), _clock, NullLogger<SpinUpProbe>.Instance).RunAsync(stop.Token);
        foreach (var pause in new[] { 10, 20, 40 })
        {
            Assert.Empty(_grains.CallsOf(nameof(IHostGrain.ReportSpinUp)));
            await _clock.TimerSetAsync(TimeSpan.FromSeconds(pause));
            _clock.Advance(TimeSpan.FromSeconds(pause));
        }

        await _clock.TimerSetAsync(TimeSpan.FromSeconds(10));
        Assert.Single(_grains.CallsOf(nameof(IHostGrain.ReportSpinUp)));
        _grains.Host(nameof(IHostGrain.Describe), Described(failed: 2));
        _clock.Advance(TimeSpan.FromSeconds(10));
        await _clock.TimerSetAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(3, _engine.CallsOf(EngineCall.Start));
        await stop.CancelAsync();
        await probe;
    }

    private static HostDescription Described(int failed) => new()
    {
        Identity = Info(HostEnvironment.LocalDev).Identity,
        Status = HostStatus.Active,
        Environment = "LOCALDEV",
        Version = "",
        StartedAt = DateTimeOffset.UnixEpoch,
        Ttys = new PoolFigures(54, 0),
        TcpPorts = new PoolFigures(1, 0),
        UdpPorts = new PoolFigures(1, 0),
        Slots = new PoolFigures(1, 0),
        Mandelboxes = 0,
        FailedSpinUps = failed,
    };

    private static HostInfo Info(HostEnvironment environment) => new()
    {
        Identity = new HostIdentity("host-7", "i-1", "g4dn.xlarge", "ami-1", "us-east-1", "127.0.0.1"),
        Environment = environment,
    };

    private static Task<StartRefusedException> FailureAsync(Task run) => Assert.ThrowsAsync<StartRefusedException>(() => run);

    private Task WarmUpAsync() =>
        new WarmUp(Mandelbox(), new FakeSystemd(), Options.Create(_options), _meters.GetRequiredService<IMeterFactory>(), _clock, _log).RunAsync(CancellationToken.None);

    private ThrowAwayMandelbox Mandelbox()
    {
        var root = Options.Create(new HostOptions { Root = _scratch.Path, RuntimeRoot = _scratch["run"], ManageSystem = false });
        var mandelbox = Options.Create(new MandelboxOptions());
        var plans = new ProvisioningPlans(
            _info,
            new ContainerCapabilitiesSource { Current = new ContainerCapabilities { Fuse = true } },
            _engine,
            new MandelboxFiles(_clock),
            _input,
            new FakeDatabase(),
            new FakeUserConfigs(),
            new FakeCloudStorage(),
            new MandelboxRecords(root, NullLogger<MandelboxRecords>.Instance),
            new AgentContainers(_engine, mandelbox, _clock, NullLogger<AgentContainers>.Instance),
            mandelbox,
            Options.Create(new DockerOptions()),
            Options.Create(new QueueOptions()),
            NullLogger<ProvisioningPlans>.Instance);
        return new ThrowAwayMandelbox(
            _grains.Factory,
            _engine,
            plans,
            new HostDirectories(root, NullLogger<HostDirectories>.Instance),
            _info,
            root,
            mandelbox,
            Options.Create(_options),
            _clock,
            NullLogger<ThrowAwayMandelbox>.Instance);
    }

    private Task<string> MakeAsync(string name, string app, string host = "host-7", string? root = null) => _engine.CreateAsync(
        new ContainerSpec
        {
            Name = name,
            Image = FakeContainerEngine.DemoImage,
            Labels = new Dictionary<string, string>
            {
                [ContainerLabels.App] = app,
                [ContainerLabels.Host] = host,
                [ContainerLabels.Root] = root ?? _scratch.Path,
            },
        },
        CancellationToken.None);
}
