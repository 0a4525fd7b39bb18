using Microsoft.Extensions.Hosting;

namespace HostService.Infrastructure.Linux.Systemd;

/// <summary>A small piece of real work, for example a grain call. Returning is progress; throwing or hanging is not.</summary>
/// <param name="Name">For the reason when it stalls.</param>
public sealed record WatchdogProbe(string Name, Func<CancellationToken, Task> Work);

/// <summary>
/// Notifies systemd's watchdog four times an interval, while all probes make progress. It stops when a probe has made none for half an
/// interval, so systemd kills a service that hangs after one half to one and a half intervals.
/// </summary>
public sealed partial class WatchdogService(
    ISystemd systemd, StatusLine statusLine, IEnumerable<WatchdogProbe> probes, TimeProvider timeProvider, ILogger<WatchdogService> logger)
    : BackgroundService
{
    private string? _reason;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (systemd.WatchdogInterval is not { } interval)
        {
            return;
        }

        var watched = probes.Select(p => new Watched(p, timeProvider)).ToList();
        using var timer = new PeriodicTimer(interval / 4, timeProvider);
        Notify(watched, interval / 2);
        try
        {
            do
            {
                watched.ForEach(probe => probe.Run(LogProbeFailed, stoppingToken));
                await timer.WaitForNextTickAsync(stoppingToken);
                Notify(watched, interval / 2);
            }
            while (!stoppingToken.IsCancellationRequested);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The shutdown may take longer than an interval: from STOPPING=1 on systemd watches TimeoutStopSec instead.
            await Task.WhenAll(watched.Select(w => w.Done));
        }
    }

    private void Notify(List<Watched> watched, TimeSpan limit)
    {
        var stalled = watched.Where(w => w.SinceProgress > limit).Select(w =>
            $"{w.Name}: no progress for {w.SinceProgress.TotalSeconds:0} s (limit {limit.TotalSeconds:0.#} s)");
        var reason = string.Join("; ", stalled) is { Length: > 0 } text ? text : null;
        if (reason is null)
        {
            systemd.Watchdog();
        }

        if (reason is null && _reason is not null)
        {
            LogRecovered();
            statusLine.SetError(null);
        }
        else if (reason is not null && _reason is null)
        {
            LogStalled(reason);
            statusLine.SetError("no watchdog ping: " + reason);
        }

        _reason = reason;
    }

    [LoggerMessage(LogLevel.Error, "The watchdog is no longer notified: {Reason}")]
    private partial void LogStalled(string reason);

    [LoggerMessage(LogLevel.Information, "Progress again: the watchdog is notified")]
    private partial void LogRecovered();

    [LoggerMessage(LogLevel.Debug, "Watchdog probe {Probe} failed")]
    private partial void LogProbeFailed(string probe, Exception exception);

    private sealed class Watched(WatchdogProbe probe, TimeProvider timeProvider)
    {
        private long _progressAt = timeProvider.GetTimestamp();

        public string Name => probe.Name;

        public TimeSpan SinceProgress => timeProvider.GetElapsedTime(Interlocked.Read(ref _progressAt));

        public Task Done { get; private set; } = Task.CompletedTask;

        /// <summary>Starts the probe, unless its last run has not returned yet.</summary>
        public void Run(Action<string, Exception> failed, CancellationToken cancellationToken)
        {
            if (Done.IsCompleted)
            {
                Done = RunAsync(failed, cancellationToken);
            }
        }

        private async Task RunAsync(Action<string, Exception> failed, CancellationToken cancellationToken)
        {
            try
            {
                await probe.Work(cancellationToken);
                Interlocked.Exchange(ref _progressAt, timeProvider.GetTimestamp());
            }
            catch (Exception e)
            {
                // No progress, whatever the reason.
                failed(probe.Name, e);
            }
        }
    }
}
