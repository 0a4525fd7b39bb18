using HostService.Grains;
using HostService.Grains.Mandelbox;
using HostService.Silo.Startup;

namespace HostService.Silo.Background;

/// <summary>While the host is not ready because spin-ups fail, tries with growing pauses whether a container starts.</summary>
public sealed partial class SpinUpProbe(
    IGrainFactory grains,
    HostInfoSource info,
    ThrowAwayMandelbox mandelbox,
    IOptions<WarmUpOptions> options,
    TimeProvider timeProvider,
    ILogger<SpinUpProbe> logger)
{
    private IHostGrain Host => grains.GetGrain<IHostGrain>(HostKeys.Host(info.Current.Identity.InstanceName));

    /// <summary>Runs until cancelled, and never throws.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var (first, longest) = (options.Value.ProbeAfter, options.Value.ProbeAtMost);
        var pause = first;
        while (!cancellationToken.IsCancellationRequested)
        {
            await Task.WhenAny(Task.Delay(pause, timeProvider, cancellationToken));
            try
            {
                var isNeeded = !cancellationToken.IsCancellationRequested
                    && await Host.Describe() is { Status: HostStatus.Active, FailedSpinUps: var failed }
                    && failed >= options.Value.FailedSpinUps;
                pause = !isNeeded || await TryAsync(cancellationToken) ? first : Backoff.Next(pause, longest);
            }
            catch (Exception exception)
            {
                // The next try is due later.
                LogFailed("probe", exception.Message, exception);
            }
        }
    }

    private async Task<bool> TryAsync(CancellationToken cancellationToken)
    {
        // As far as a spin-up goes here: where spin-ups wait for the app, it may be what fails.
        if (await mandelbox.RunAsync(waitForApp: info.Current.Environment.IsDeployed, cancellationToken) is { } failure)
        {
            LogFailed(failure.Step, failure.Reason, failure.Exception);
            return false;
        }

        LogStarts();
        await Host.ReportSpinUp(null);
        return true;
    }

    [LoggerMessage(LogLevel.Warning, "Containers still do not start: {Step}: {Reason}")]
    private partial void LogFailed(string step, string reason, Exception? exception);

    [LoggerMessage(LogLevel.Information, "Containers start again")]
    private partial void LogStarts();
}
