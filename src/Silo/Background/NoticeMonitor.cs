using HostService.Infrastructure.Aws;
using HostService.Silo.Lifecycle;
using HostService.Silo.Startup;

namespace HostService.Silo.Background;

/// <summary>Drains the host when EC2 announces its end (B32a); the drain is over, configs saved, before the announced time.</summary>
public sealed class NoticeMonitor(
    HostIdentityProvider identity,
    Ec2Notices notices,
    ShutdownSignal shutdown,
    IOptions<Ec2Options> options,
    TimeProvider timeProvider,
    ILogger<NoticeMonitor> logger) : BackgroundService
{
    /// <summary>A notice whose time is near or past leaves no time for a drain: it ends the mandelboxes now.</summary>
    public void Announce(InstanceNotice notice)
    {
        var left = notice.At - timeProvider.GetUtcNow() - options.Value.NoticeMargin;
        var detail = notice.At is { } at ? $"{notice.What} at {at:u}" : notice.What;
        var drains = left is null || left > TimeSpan.Zero;
        shutdown.Request(new ShutdownRequest(ShutdownReason.Notice, detail, Drains: drains, DrainTimeout: left));
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => identity.UsesMetadata
        ? new StreamConsumer(timeProvider, logger).RunAsync("EC2's notices", notices.WatchAsync, AnnounceAsync, stoppingToken)
        : Task.CompletedTask;

    private Task AnnounceAsync(InstanceNotice notice)
    {
        Announce(notice);
        return Task.CompletedTask;
    }
}
