using System.Runtime.CompilerServices;
using HostService.GrainInterfaces;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Gpu;

/// <summary>
/// Reads the GPUs over and over, on a thread of its own and with a deadline, and says how each of them is. One caller at a time: take a first reading with
/// <see cref="TakeInventoryAsync"/> where start-up needs one, then follow <see cref="WatchAsync"/>.
/// </summary>
public sealed partial class GpuMonitor(IGpuInventory inventory, IOptions<GpuOptions> options, TimeProvider timeProvider, ILogger<GpuMonitor> logger)
{
    private readonly GpuOptions _options = options.Value;
    private readonly GpuHealth _health = new(options.Value, timeProvider);
    private readonly Dictionary<int, GpuDescription> _told = [];
    private Task<GpuReading>? _underWay;
    private volatile GpuReading? _last;
    private GpuAvailability? _availability;

    /// <summary>The latest reading; null before the first, and while the driver does not answer. May be read from any thread.</summary>
    public GpuReading? LastReading => _last;

    /// <summary>One reading, now, and then one every <see cref="GpuOptions.ReadingInterval"/>, until cancelled.</summary>
    public async IAsyncEnumerable<IReadOnlyList<GpuDescription>> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            yield return await ReadAsync(cancellationToken);
            await Task.Delay(_options.ReadingInterval, timeProvider, cancellationToken);
        }
    }

    /// <summary>
    /// Takes the first reading, for which a cold driver is given <see cref="GpuOptions.FirstReadingTimeout"/>. Where there are no GPUs it says why: a driver that
    /// does not answer is not a machine that has none.
    /// </summary>
    public async Task<GpuInventorySnapshot> TakeInventoryAsync(CancellationToken cancellationToken)
    {
        var (statuses, failure) = await ReadAsync(_options.FirstReadingTimeout, cancellationToken);
        return failure is null ? GpuInventorySnapshot.From(_last!, statuses) : GpuInventorySnapshot.Unread(failure);
    }

    /// <summary>
    /// Takes a reading. Comes back within <see cref="GpuOptions.ReadingTimeout"/> whatever the driver does: a reading that hangs is counted as failed, and
    /// waited for again at the next call instead of starting another.
    /// </summary>
    /// <returns>Every GPU seen so far; empty on a machine that has none.</returns>
    public async Task<IReadOnlyList<GpuDescription>> ReadAsync(CancellationToken cancellationToken) =>
        (await ReadAsync(_options.ReadingTimeout, cancellationToken)).Statuses;

    private async Task<(IReadOnlyList<GpuDescription> Statuses, string? Failure)> ReadAsync(TimeSpan deadline, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var reading = _underWay ??= Task.Factory.StartNew(inventory.Read, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        IReadOnlyList<GpuDescription> statuses;
        string? failure = null;
        try
        {
            var done = await reading.WaitAsync(deadline, timeProvider, cancellationToken);
            _underWay = null;
            _last = done;
            Tell(done);
            statuses = _health.Observe(done);
        }
        catch (TimeoutException) when (!reading.IsFaulted)
        {
            _last = null;
            failure = $"the driver did not answer within {deadline.TotalSeconds:0.###} s";
            statuses = _health.ReadingFailed(failure);
        }
        catch (Exception e) when (reading.IsFaulted)
        {
            // Whatever the reading met, it costs the reading and not the loop.
            _underWay = null;
            _last = null;
            LogReadingFailed(e);
            failure = e.Message;
            statuses = _health.ReadingFailed(failure);
        }

        foreach (var status in statuses)
        {
            Tell(status);
        }

        return (statuses, failure);
    }

    private void Tell(GpuReading reading)
    {
        if (_availability != reading.Availability)
        {
            _availability = reading.Availability;
            LogAvailability(reading.Availability, reading.Gpus.Count, reading.DriverVersion, reading.Detail);
        }
    }

    private void Tell(GpuDescription status)
    {
        var before = _told.GetValueOrDefault(status.Index);
        _told[status.Index] = status;
        if (status.Unhealthy is { } why)
        {
            if (before?.Unhealthy is null)
            {
                LogTakenOut(status.Index, status.Name, status.Uuid, why);
            }
        }
        else if (before?.Unhealthy is not null)
        {
            LogBack(status.Index, status.Name, status.Uuid, _options.HealthyFor);
        }

        if (before is not null && before.NvmlIndex != status.NvmlIndex)
        {
            LogMoved(status.Index, status.Name, status.Uuid, status.NvmlIndex ?? status.Index);
        }
    }

    [LoggerMessage(1, LogLevel.Information, "GPUs: {Availability}, {Count} found, driver {DriverVersion} {Detail}")]
    private partial void LogAvailability(GpuAvailability availability, int count, string? driverVersion, string? detail);

    [LoggerMessage(2, LogLevel.Error, "GPU {GpuIndex} ({Name}, {Uuid}) is taken out, no mandelbox is placed on it: {Reason}")]
    private partial void LogTakenOut(int gpuIndex, string name, string uuid, string reason);

    [LoggerMessage(3, LogLevel.Warning, "GPU {GpuIndex} ({Name}, {Uuid}) has been well for {HealthyFor} and is used again")]
    private partial void LogBack(int gpuIndex, string name, string uuid, TimeSpan healthyFor);

    [LoggerMessage(5, LogLevel.Warning, "GPU {GpuIndex} ({Name}, {Uuid}) is GPU {NvmlIndex} to NVML from now on, and to the mandelboxes that are placed on it")]
    private partial void LogMoved(int gpuIndex, string name, string uuid, int nvmlIndex);

    [LoggerMessage(4, LogLevel.Error, "A reading of the GPUs failed")]
    private partial void LogReadingFailed(Exception exception);
}
