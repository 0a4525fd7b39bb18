using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Machine.Gpu;

/// <summary>
/// Reads the GPUs over and over, on a thread of its own and with a deadline, and says how each of them is. One caller at a time: take a first reading with
/// <see cref="ReadAsync"/> where start-up needs one, then follow <see cref="WatchAsync"/>.
/// </summary>
public sealed partial class GpuMonitor(IGpuInventory inventory, IOptions<GpuOptions> options, TimeProvider clock, ILogger<GpuMonitor> logger)
{
    private readonly GpuOptions _options = options.Value;
    private readonly GpuHealth _health = new(options.Value, clock);
    private readonly Dictionary<int, string?> _told = [];
    private Task<GpuReading>? _underWay;
    private volatile GpuReading? _last;
    private GpuAvailability? _availability;

    /// <summary>The latest reading; null before the first, and while the driver does not answer. May be read from any thread.</summary>
    public GpuReading? LastReading => _last;

    /// <summary>One reading, now, and then one every <see cref="GpuOptions.ReadingInterval"/>, until cancelled.</summary>
    public async IAsyncEnumerable<IReadOnlyList<GpuStatus>> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            yield return await ReadAsync(cancellationToken);
            await Task.Delay(_options.ReadingInterval, clock, cancellationToken);
        }
    }

    /// <summary>
    /// Takes a reading. Comes back within <see cref="GpuOptions.ReadingDeadline"/> whatever the driver does: a reading that hangs is counted as failed, and
    /// waited for again at the next call instead of starting another.
    /// </summary>
    /// <returns>Every GPU seen so far; empty on a machine that has none.</returns>
    public async Task<IReadOnlyList<GpuStatus>> ReadAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var reading = _underWay ??= Task.Factory.StartNew(inventory.Read, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        IReadOnlyList<GpuStatus> statuses;
        try
        {
            var done = await reading.WaitAsync(_options.ReadingDeadline, clock, cancellationToken);
            _underWay = null;
            _last = done;
            Tell(done);
            statuses = _health.Observe(done);
        }
        catch (TimeoutException) when (!reading.IsFaulted)
        {
            _last = null;
            statuses = _health.ReadingFailed($"the driver did not answer within {_options.ReadingDeadline.TotalSeconds:0.###} s");
        }
        catch (Exception e) when (reading.IsFaulted)
        {
            // Whatever the reading met, it costs the reading and not the loop.
            _underWay = null;
            _last = null;
            LogReadingFailed(e);
            statuses = _health.ReadingFailed(e.Message);
        }

        foreach (var status in statuses)
        {
            Tell(status);
        }

        return statuses;
    }

    private void Tell(GpuReading reading)
    {
        if (_availability != reading.Availability)
        {
            _availability = reading.Availability;
            LogAvailability(reading.Availability, reading.Gpus.Count, reading.DriverVersion, reading.Detail);
        }
    }

    private void Tell(GpuStatus status)
    {
        var known = _told.TryGetValue(status.Gpu.Index, out var before);
        _told[status.Gpu.Index] = status.Unhealthy;
        if (status.Unhealthy is { } why)
        {
            if (before is null)
            {
                LogTakenOut(status.Gpu.Index, status.Gpu.Name, status.Gpu.Uuid, why);
            }
        }
        else if (known && before is not null)
        {
            LogBack(status.Gpu.Index, status.Gpu.Name, status.Gpu.Uuid, _options.HealthyFor);
        }
    }

    [LoggerMessage(1, LogLevel.Information, "GPUs: {Availability}, {Count} found, driver {DriverVersion} {Detail}")]
    private partial void LogAvailability(GpuAvailability availability, int count, string? driverVersion, string? detail);

    [LoggerMessage(2, LogLevel.Error, "GPU {GpuIndex} ({Name}, {Uuid}) is taken out, no mandelbox is placed on it: {Reason}")]
    private partial void LogTakenOut(int gpuIndex, string? name, string? uuid, string reason);

    [LoggerMessage(3, LogLevel.Warning, "GPU {GpuIndex} ({Name}, {Uuid}) has been well for {HealthyFor} and is used again")]
    private partial void LogBack(int gpuIndex, string? name, string? uuid, TimeSpan healthyFor);

    [LoggerMessage(4, LogLevel.Error, "A reading of the GPUs failed")]
    private partial void LogReadingFailed(Exception exception);
}
