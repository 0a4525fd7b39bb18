using HostService.Gateway;
using HostService.GrainInterfaces;
using HostService.Grains;
using HostService.Infrastructure;
using HostService.Infrastructure.Aws;
using HostService.Infrastructure.Gpu;
using HostService.Silo.Background;
using HostService.Silo.Lifecycle;
using HostService.Silo.Startup;
using HostService.Tests.Support;
using HostService.Tests.Unit.Ec2;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Background;

/// <summary>B32a: a notice of EC2 drains the host, and what is left is ended before the announced time.</summary>
public sealed class NoticeMonitorTests
{
    private readonly ManualClock _clock = new();
    private readonly ShutdownSignal _shutdown;

    public NoticeMonitorTests() => _shutdown = new ShutdownSignal(_clock);

    [Fact]
    public async Task A_spot_instance_s_two_minutes_are_30_seconds_for_users_and_90_for_their_configs()
    {
        await using var service = await FakeMetadataService.StartAsync();
        service.Values["instance-life-cycle"] = "spot";
        service.Values["spot/instance-action"] = """{"action":"terminate","time":"2026-01-01T00:02:00Z"}""";
        using var monitor = Monitor(HostEnvironment.Prod, service.Address);
        await monitor.StartAsync(CancellationToken.None);

        var request = await _shutdown.Requested.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(
            new ShutdownRequest(
                ShutdownReason.Notice,
                "EC2 will terminate this spot instance at 2026-01-01 00:02:00Z",
                Drains: true,
                DrainTimeout: TimeSpan.FromSeconds(30)),
            request);
        await monitor.StopAsync(CancellationToken.None);
        Assert.False(_shutdown.Stopped.IsCompleted);

        _clock.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(ShutdownReason.DrainTimeout, (await _shutdown.Stopped.WaitAsync(TimeSpan.FromSeconds(30))).Reason);
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData(91, true)]
    [InlineData(90, false)]
    [InlineData(-5, false)]
    public void A_time_that_is_too_near_for_a_drain_ends_mandelboxes_now(int? seconds, bool drains)
    {
        using var monitor = Monitor(HostEnvironment.Prod, "http://127.0.0.1:1");
        monitor.Announce(new InstanceNotice("test", seconds is { } s ? _clock.GetUtcNow().AddSeconds(s) : null));
        Assert.Equal(drains, !_shutdown.Stopped.IsCompleted);
    }

    [Fact]
    public async Task A_developer_s_machine_asks_nobody()
    {
        await using var service = await FakeMetadataService.StartAsync();
        using var monitor = Monitor(HostEnvironment.LocalDev, service.Address);
        await monitor.StartAsync(CancellationToken.None);
        await monitor.ExecuteTask!;
        Assert.Empty(service.Requests);
    }

    private NoticeMonitor Monitor(HostEnvironment environment, string address)
    {
        var options = Options.Create(new Ec2Options { MetadataEndpoint = address });
        var identity = new HostIdentityProvider(
            new RunningEnvironment(environment),
            new ConfigurationBuilder().Build(),
            Options.Create(new HostOptions()),
            options,
            Options.Create(new GpuOptions()),
            Options.Create(new GatewayOptions()),
            new Ec2InstanceMetadata(options, _clock, NullLogger<Ec2InstanceMetadata>.Instance),
            new HostInfoSource(),
            _clock);
        var notices = new Ec2Notices(options, _clock, NullLogger<Ec2Notices>.Instance);
        return new NoticeMonitor(identity, notices, _shutdown, options, _clock, NullLogger<NoticeMonitor>.Instance);
    }
}
