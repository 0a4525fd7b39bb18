namespace HostService.Infrastructure.Storage.CloudStorage;

internal sealed partial class RcloneCloudStorage
{
    [LoggerMessage(LogLevel.Information, "{MandelboxId}: {Provider} is mounted at {Path}")]
    private partial void LogMounted(string mandelboxId, string provider, string path);

    [LoggerMessage(LogLevel.Information, "{MandelboxId}: {Provider} is unmounted, and everything written to it is uploaded")]
    private partial void LogUnmounted(string mandelboxId, string provider);

    [LoggerMessage(LogLevel.Warning, "{MandelboxId}: unmounting the drives that an earlier run left: {Paths}")]
    private partial void LogReclaiming(string mandelboxId, string paths);

    [LoggerMessage(LogLevel.Error, "{MandelboxId}: the drives that an earlier run left could not be reclaimed")]
    private partial void LogNotReclaimed(string mandelboxId, Exception exception);

    [LoggerMessage(LogLevel.Warning, "{MandelboxId}: {Path} is not empty and stays")]
    private partial void LogNotEmpty(string mandelboxId, string path);
}
