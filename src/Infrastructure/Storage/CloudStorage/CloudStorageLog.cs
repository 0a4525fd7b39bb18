using Microsoft.Extensions.Logging;

namespace HostService.Infrastructure.Storage.CloudStorage;

internal static partial class CloudStorageLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "{MandelboxId}: {Provider} is mounted at {Path}")]
    public static partial void Mounted(this ILogger log, string mandelboxId, string provider, string path);

    [LoggerMessage(Level = LogLevel.Information, Message = "{MandelboxId}: {Provider} is unmounted, and what was written to it uploaded")]
    public static partial void Unmounted(this ILogger log, string mandelboxId, string provider);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{MandelboxId}: rclone says of {Provider}: {Line}")]
    public static partial void RcloneSaid(this ILogger log, string mandelboxId, string provider, string line);

    [LoggerMessage(Level = LogLevel.Error, Message = "{MandelboxId}: {Provider} was lost: rclone ended by itself with {ExitCode}: {LastWords}")]
    public static partial void RcloneEnded(this ILogger log, string mandelboxId, string provider, int exitCode, string lastWords);

    [LoggerMessage(Level = LogLevel.Error, Message = "{MandelboxId}: {Provider} is lost and could not be unmounted")]
    public static partial void NotUnmounted(this ILogger log, string mandelboxId, string provider, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{MandelboxId}: {Path} is not empty and stays")]
    public static partial void NotEmpty(this ILogger log, string mandelboxId, string path);
}
