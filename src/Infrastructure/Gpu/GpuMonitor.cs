using System.Runtime.CompilerServices;

namespace HostService.Infrastructure.Gpu;

/// <summary>
/// Reads the GPUs at intervals, on its own thread and with a timeout, and reports their health. One caller at a time: first
/// <see cref="TakeInventoryAsync"/> at start-up, then <see cref="WatchAsync"/>.
/// </summary>
public sealed partial class GpuMonitor(
    IGpuInventory inventory, IOptions<GpuOptions> options, TimeProvider timeProvider, ILogger<GpuMonitor> logger)
{
    private readonly GpuOptions _options = options.Value;
    private readonly GpuHealth _health = new(options.Value, timeProvider);
    private readonly Dictionary<int, GpuDescription> _reported = [];
    private Task<GpuReading>? _running;
    private volatile GpuReading? _last;
    private GpuAvailability? _availability;

    /// <summary>The latest reading; null before the first one and while the driver does not answer. Safe from any thread.</summary>
    public GpuReading? LastReading => _last;

    /// <summary>One reading at once, then one every <see cref="GpuOptions.ReadingInterval"/>, until cancelled.</summary>
    public async IAsyncEnumerable<IReadOnlyList<GpuDescription>> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            yield return await ReadAsync(cancellationToken);
            await Task.Delay(_options.ReadingInterval, timeProvider, cancellationToken);
        }
    }

    /// <summary>Takes the first reading, with <see cref="GpuOptions.FirstReadingTimeout"/>. Tells why there are no GPUs, if so.</summary>
    public async Task<GpuInventorySnapshot> TakeInventoryAsync(CancellationToken cancellationToken)
    {
        var (statuses, failure) = await ReadAsync(_options.FirstReadingTimeout, cancellationToken);
        return failure is null ? GpuInventorySnapshot.From(_last!, statuses) : GpuInventorySnapshot.Unread(failure);
    }

    /// <summary>
    /// Takes a reading. Returns within <see cref="GpuOptions.ReadingTimeout"/> even when the driver hangs: then the reading has failed, and
    /// the next call waits for it instead of starting another.
    /// </summary>
    /// <returns>Every GPU seen so far.</returns>
    public async Task<IReadOnlyList<GpuDescription>> ReadAsync(CancellationToken cancellationToken) =>
        (await ReadAsync(_options.ReadingTimeout, cancellationToken)).Statuses;

    private async Task<(IReadOnlyList<GpuDescription> Statuses, string? Failure)> ReadAsync(
        TimeSpan timeout, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var reading = _running ??= Task.Factory.StartNew(
            inventory.Read, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        IReadOnlyList<GpuDescription> statuses;
        string? failure = null;
        try
        {
            var done = await reading.WaitAsync(timeout, timeProvider, cancellationToken);
            _running = null;
            _last = done;
            Report(done);
            statuses = _health.Observe(done);
        }
        catch (TimeoutException) when (!reading.IsFaulted)
        {
            _last = null;
            failure = $"the driver did not answer within {timeout.TotalSeconds:0.###} s";
            statuses = _health.ReadingFailed(failure);
        }
        catch (Exception e) when (reading.IsFaulted)
        {
            // Any exception fails this reading, not the loop.
            _running = null;
            _last = null;
            LogReadingFailed(e);
            failure = e.Message;
            statuses = _health.ReadingFailed(failure);
        }

        foreach (var status in statuses)
        {
            Report(status);
        }

        return (statuses, failure);
    }

    private void Report(GpuReading reading)
    {
        if (_availability != reading.Availability)
        {
            _availability = reading.Availability;
            LogAvailability(reading.Availability, reading.Gpus.Count, reading.DriverVersion ?? "none", reading.Detail ?? "");
        }
    }

    private void Report(GpuDescription status)
    {
        var before = _reported.GetValueOrDefault(status.Index);
        _reported[status.Index] = status;
        if (status.Unhealthy is { } reason)
        {
            if (before?.Unhealthy is null)
            {
                LogUnhealthy(status.Index, status.Name, status.Uuid, reason);
            }
        }
        else if (before?.Unhealthy is not null)
        {
            LogHealthy(status.Index, status.Name, status.Uuid, _options.HealthyFor);
        }

        if (before is not null && before.NvmlIndex != status.NvmlIndex)
        {
            LogMoved(status.Index, status.Name, status.Uuid, status.NvmlIndex ?? status.Index);
        }
    }

    [LoggerMessage(LogLevel.Information, "GPUs: {Availability}, {Count} found, driver {DriverVersion}. {Detail}")]
    private partial void LogAvailability(GpuAvailability availability, int count, string driverVersion, string detail);

    [LoggerMessage(LogLevel.Error, "GPU {GpuIndex} ({Name}, {Uuid}) is unhealthy, no mandelbox is placed on it: {Reason}")]
    private partial void LogUnhealthy(int gpuIndex, string name, string uuid, string reason);

    [LoggerMessage(LogLevel.Warning, "GPU {GpuIndex} ({Name}, {Uuid}) had no fault for {HealthyFor} and is used again")]
    private partial void LogHealthy(int gpuIndex, string name, string uuid, TimeSpan healthyFor);

    [LoggerMessage(LogLevel.Warning, "GPU {GpuIndex} ({Name}, {Uuid}) is index {NvmlIndex} in NVML and in new mandelboxes now")]
    private partial void LogMoved(int gpuIndex, string name, string uuid, int nvmlIndex);

    [LoggerMessage(LogLevel.Error, "A reading of the GPUs failed")]
    private partial void LogReadingFailed(Exception exception);
}
