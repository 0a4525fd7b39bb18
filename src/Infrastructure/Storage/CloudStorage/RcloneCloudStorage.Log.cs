namespace HostService.Infrastructure.Storage.CloudStorage;

internal sealed partial class RcloneCloudStorage
{
    [LoggerMessage(Level = LogLevel.Information, Message = "{MandelboxId}: {Provider} is mounted at {Path}")]
    private partial void LogMounted(string mandelboxId, string provider, string path);

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "{MandelboxId}: {Provider} is unmounted, and everything written to it is uploaded")]
    private partial void LogUnmounted(string mandelboxId, string provider);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{MandelboxId}: unmounting the drives that an earlier run left: {Paths}")]
    private partial void LogReclaiming(string mandelboxId, string paths);

    [LoggerMessage(Level = LogLevel.Error, Message = "{MandelboxId}: the drives that an earlier run left could not be reclaimed")]
    private partial void LogNotReclaimed(string mandelboxId, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{MandelboxId}: {Path} is not empty and stays")]
    private partial void LogNotEmpty(string mandelboxId, string path);
}
