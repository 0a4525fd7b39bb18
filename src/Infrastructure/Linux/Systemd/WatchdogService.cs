using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace HostService.Infrastructure.Linux.Systemd;

/// <summary>Does one small piece of real work (a grain call, a question to the engine); returning is progress, throwing or hanging is none.</summary>
/// <param name="Name">As it stands in the reason for a missing ping.</param>
public sealed record WatchdogProbe(string Name, Func<CancellationToken, Task> Work);

/// <summary>
/// Pings systemd's watchdog, four times an interval, while all probes make progress. A probe that made none for half an interval
/// ends the pings, and so the service is killed by systemd between half an interval and one and a half after it got stuck.
/// </summary>
public sealed partial class WatchdogService(
    ISystemd systemd, StatusLine statusLine, IEnumerable<WatchdogProbe> probes, TimeProvider timeProvider, ILogger<WatchdogService> log) : BackgroundService
{
    private string? _reason;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (systemd.WatchdogInterval is not { } interval)
            return;

        var policy = new WatchdogPolicy(timeProvider);
        var watched = probes.Select(p => new Watched(p, policy.Register(p.Name, interval / 2))).ToList();
        using var timer = new PeriodicTimer(interval / 4, timeProvider);
        Judge(policy);
        try
        {
            do
            {
                foreach (var probe in watched)
                    probe.Look(LogProbeFailed, stoppingToken);
                await timer.WaitForNextTickAsync(stoppingToken);
                Judge(policy);
            }
            while (!stoppingToken.IsCancellationRequested);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The one way out has begun. It may outlast the interval, and TimeoutStopSec watches it: systemd's watchdog is
            // off from STOPPING=1 on.
            await Task.WhenAll(watched.Select(w => w.Done));
        }
    }

    private void Judge(WatchdogPolicy policy)
    {
        var reason = policy.Stalled();
        if (reason is null)
            systemd.Watchdog();

        if (reason is null && _reason is not null)
        {
            LogRecovered();
            statusLine.Trouble(null);
        }

        if (reason is not null && _reason is null)
        {
            LogStalled(reason);
            statusLine.Trouble("no watchdog ping: " + reason);
        }

        _reason = reason;
    }

    [LoggerMessage(LogLevel.Error, "The watchdog is not pinged any more: {Reason}")]
    private partial void LogStalled(string reason);

    [LoggerMessage(LogLevel.Information, "Progress again: the watchdog is pinged")]
    private partial void LogRecovered();

    [LoggerMessage(LogLevel.Debug, "Watchdog probe {Probe} failed")]
    private partial void LogProbeFailed(string probe, Exception exception);

    private sealed class Watched(WatchdogProbe probe, ProgressSign sign)
    {
        public Task Done { get; private set; } = Task.CompletedTask;

        /// <summary>Starts the next look, unless the last one still hangs.</summary>
        public void Look(Action<string, Exception> failed, CancellationToken cancellationToken)
        {
            if (Done.IsCompleted)
                Done = LookAsync(failed, cancellationToken);
        }

        private async Task LookAsync(Action<string, Exception> failed, CancellationToken cancellationToken)
        {
            try
            {
                await probe.Work(cancellationToken);
                sign.Advance();
            }
            catch (Exception e)
            {
                // Whatever it was, it was no progress; the policy speaks up when it lasts.
                failed(probe.Name, e);
            }
        }
    }
}
