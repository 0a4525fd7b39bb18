using HostService.Grains.Mandelbox;
using HostService.Infrastructure;
using HostService.Infrastructure.Files;

namespace HostService.Grains.Host;

/// <summary>How much disk mandelboxes take, by the directories they can write to, and which logs stay (B19). For one loop.</summary>
public sealed partial class DiskQuotas(
    IOptions<HostOptions> host, IOptions<DiskOptions> options, IMandelboxFiles files, TimeProvider timeProvider, ILogger<DiskQuotas> logger)
{
    private readonly DiskOptions _options = options.Value;

    /// <summary>The logs of mandelboxes that have ended: they no longer change, so each is measured once.</summary>
    private readonly Dictionary<string, (DateTime EndedAt, long Bytes)> _kept = new(StringComparer.Ordinal);

    private string Logs => host.Value.LogsDirectory;

    /// <summary>Why a mandelbox must end; null while it keeps its limits.</summary>
    public string? Excess(string mandelboxId)
    {
        var paths = new MandelboxPaths(host.Value.Root, mandelboxId);
        if (DiskUsage.Measure(paths.AllLogs, _options.LogBytes) > _options.LogBytes)
        {
            return $"its logs take more than {_options.LogBytes} bytes of the host's disk (Disk:LogBytes)";
        }

        var temp = DiskUsage.Measure(paths.Temp, _options.HomeBytes);
        return temp > _options.HomeBytes || DiskUsage.Measure(paths.Home, _options.HomeBytes - temp) > _options.HomeBytes - temp
            ? $"its sockets, mappings and user configs take more than {_options.HomeBytes} bytes of the host's disk (Disk:HomeBytes)"
            : null;
    }

    /// <summary>Removes logs that are too old, or too many, oldest first, but none of a mandelbox that exists.</summary>
    public async Task RemoveOldLogsAsync(IReadOnlyCollection<string> existing, CancellationToken cancellationToken)
    {
        var (total, ended) = (0L, new List<(string Path, DateTime EndedAt, long Bytes)>());
        foreach (var path in Directory.Exists(Logs) ? Directory.GetDirectories(Logs) : [])
        {
            if (existing.Contains(Path.GetFileName(path)))
            {
                total += DiskUsage.Measure(path, _options.LogBytes);
                _kept.Remove(path);
                continue;
            }

            var endedAt = Directory.GetLastWriteTimeUtc(path);
            if (!_kept.TryGetValue(path, out var known) || known.EndedAt != endedAt)
            {
                _kept[path] = known = (endedAt, DiskUsage.Measure(path, _options.LogsMaxBytes));
            }

            total += known.Bytes;
            ended.Add((path, endedAt, known.Bytes));
        }

        var oldest = timeProvider.GetUtcNow().UtcDateTime - _options.LogsMaxAge;
        foreach (var (path, endedAt, bytes) in ended.OrderBy(log => log.EndedAt))
        {
            if (endedAt >= oldest && total <= _options.LogsMaxBytes)
            {
                break;
            }

            // A new mandelbox of the same id has changed the time meanwhile.
            if (Directory.GetLastWriteTimeUtc(path) == endedAt)
            {
                await files.RemoveAsync(path, cancellationToken);
                LogRemoved(path, bytes);
            }

            _kept.Remove(path);
            total -= bytes;
        }
    }

    /// <summary>Why the host must not take more mandelboxes; null while there is room.</summary>
    public string? WhyNoRoom()
    {
        if (!Directory.Exists(host.Value.Root))
        {
            // The service is ending, and has removed it.
            return null;
        }

        var free = new DriveInfo(host.Value.Root).AvailableFreeSpace;
        return free < _options.MinFreeBytes
            ? $"{free} bytes are free on the disk of {host.Value.Root}, fewer than {_options.MinFreeBytes} (Disk:MinFreeBytes)"
            : null;
    }

    [LoggerMessage(LogLevel.Information, "Removed the logs in {Directory} ({Bytes} bytes)")]
    private partial void LogRemoved(string directory, long bytes);
}
