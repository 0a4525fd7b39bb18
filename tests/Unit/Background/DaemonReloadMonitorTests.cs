using System.Diagnostics.Metrics;
using HostService.GrainInterfaces;
using HostService.Grains;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Background;
using HostService.Silo.Startup;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Background;

/// <summary>Reloads of systemd on a host where they take GPUs from mandelboxes.</summary>
public sealed class DaemonReloadMonitorTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly ManualClock _clock = new();
    private readonly RecordingLogger<DaemonReloadMonitor> _log = new();
    private readonly FakeSystemd _systemd = new();
    private readonly FakeGrains _grains = new();

    private IMeterFactory Meters => _services.GetRequiredService<IMeterFactory>();

    public void Dispose() => _services.Dispose();

    [Fact]
    public async Task A_reload_names_the_mandelboxes_with_a_gpu_and_is_counted()
    {
        Lists(() => [Mandelbox("b", 1), Mandelbox("a", 0), Mandelbox("cpu", -1), Mandelbox("not yet", 0, container: null)]);

        await ReloadAsync("may have lost their GPU");

        Assert.Equal("Warning: systemd was reloaded within the last 30 s: these mandelboxes may have lost their GPU: a, b", Assert.Single(
            _log.Lines));
        Assert.Equal(1, ObservedCounts.Read("host_service.gpu.reloads", Meters)[""]);
    }

    [Fact]
    public async Task A_host_that_does_not_answer_costs_a_line_and_not_the_watch()
    {
        Lists(() => _grains.Calls.Count == 1 ? throw new TimeoutException("no answer") : [Mandelbox("a", 0)]);

        await ReloadAsync("is not known: no answer", "may have lost their GPU: a");
    }

    [Fact]
    public async Task Where_reloads_do_no_harm_systemd_is_not_asked()
    {
        await Reloads(takeGpus: false).RunAsync(CancellationToken.None);

        Assert.Equal(0, _systemd.LoadTimeQueries);
    }

    private void Lists(Func<IReadOnlyList<MandelboxDescription>> mandelboxes) =>
        _grains.Host(nameof(IHostGrain.ListMandelboxes), _ => Task.FromResult(mandelboxes()));

    private static MandelboxDescription Mandelbox(string id, int gpu, string? container = "c") => new()
    {
        MandelboxId = id,
        State = MandelboxState.Running,
        Since = DateTimeOffset.UnixEpoch,
        CreatedAt = DateTimeOffset.UnixEpoch,
        ContainerId = container,
        Lease = new Lease(Guid.NewGuid(), id, 10, gpu, []),
    };

    /// <summary>A reload for each of these lines, which must come.</summary>
    private async Task ReloadAsync(params string[] lines)
    {
        var loads = 0L;
        _systemd.UnitsLoadedAt = () => loads++;
        using var end = new CancellationTokenSource();
        var watching = Reloads(takeGpus: true).RunAsync(end.Token);
        foreach (var line in lines)
        {
            await _clock.TimerSetAsync(TimeSpan.FromSeconds(30));
            _clock.Advance(TimeSpan.FromSeconds(30));
            await _log.LineAsync(line);
        }

        await end.CancelAsync();
        await watching;
    }

    private DaemonReloadMonitor Reloads(bool takeGpus)
    {
        var identity = new HostIdentity("host", "i", "t", "a", "r", "127.0.0.1");
        var info = new HostInfoSource(new HostInfo { Identity = identity, Environment = HostEnvironment.Dev });
        var watch = new ReloadWatch(_systemd, Options.Create(new SystemdOptions()), _clock, NullLogger<ReloadWatch>.Instance);
        var options = Options.Create(new Infrastructure.HostOptions());
        var capabilities = new HostCapabilities(
            new RunningEnvironment(HostEnvironment.Dev),
            options,
            new LoadedAppArmor(),
            new FakeInputDevices(),
            new ContainerCapabilitiesSource(),
            NullLogger<HostCapabilities>.Instance);
        capabilities.Detect(new EngineInfo("28.2.2", "1.50", ["nvidia"], []) { CgroupDriver = takeGpus ? "systemd" : "cgroupfs" }, gpus: 1);
        return new DaemonReloadMonitor(_grains.Factory, info, capabilities, options, watch, Meters, _log);
    }
}
