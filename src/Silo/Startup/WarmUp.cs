using System.Diagnostics.Metrics;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Hosting;

namespace HostService.Silo.Startup;

/// <summary>The first start of an app on a fresh host takes up to two minutes: two throw-away mandelboxes take them (B5).</summary>
public sealed partial class WarmUp
{
    private const int Times = 2;

    private readonly ThrowAwayMandelbox _mandelbox;
    private readonly ISystemd _systemd;
    private readonly WarmUpOptions _options;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger<WarmUp> _logger;
    private readonly TimeSpan?[] _took = new TimeSpan?[Times];

    public WarmUp(
        ThrowAwayMandelbox mandelbox,
        ISystemd systemd,
        IOptions<WarmUpOptions> options,
        IMeterFactory meters,
        TimeProvider timeProvider,
        ILogger<WarmUp> logger)
    {
        (_mandelbox, _systemd, _options, _timeProvider, _logger) = (mandelbox, systemd, options.Value, timeProvider, logger);
        meters.Create("HostService.WarmUp").CreateObservableGauge(
            "host_service.warm_up.duration", Measure, "s", "How long each throw-away mandelbox of the start took, its removal included.");
    }

    /// <exception cref="StartRefusedException">One did not come up, or could not be taken down.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        for (var i = 0; i < Times; i++)
        {
            // Creating, starting, and as much again for the rest.
            _systemd.ExtendTimeout((_options.StepTimeout * 4) + _options.AppTimeout + _options.RunTime + _options.StopGrace);
            var began = _timeProvider.GetTimestamp();
            var failure = await _mandelbox.RunAsync(waitForApp: true, cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            if (failure is not null)
            {
                throw new StartRefusedException(
                    ExitCodes.Failed,
                    $"Warm-up {i + 1} of {Times} failed in step {failure.Step}, so no mandelbox would come up here: {failure.Reason}",
                    failure.Exception);
            }

            var took = _timeProvider.GetElapsedTime(began);
            _took[i] = took;
            LogWarm(i + 1, (long)took.TotalMilliseconds);
        }
    }

    private IEnumerable<Measurement<double>> Measure() => _took
        .Select((took, i) => (took, Number: new KeyValuePair<string, object?>("number", i + 1)))
        .Where(m => m.took is not null)
        .Select(m => new Measurement<double>(m.took!.Value.TotalSeconds, m.Number));

    [LoggerMessage(LogLevel.Information, "Warm-up {Number}: {Milliseconds} ms")]
    private partial void LogWarm(int number, long milliseconds);
}
