namespace HostService.Infrastructure.Storage.UserConfigs;

internal sealed partial class S3UserConfigStore
{
    [LoggerMessage(LogLevel.Warning, "Transfer of {Key} failed at try {Attempt}; retrying: {Reason}")]
    private partial void LogTransferFailed(string key, int attempt, string reason);

    [LoggerMessage(LogLevel.Warning, "{Count} links to the outside, or pipes, were left out when {Key} was unpacked")]
    private partial void LogLinksLeftOut(string key, int count);

    [LoggerMessage(
        LogLevel.Warning, "Parts of a failed upload to {Key} could not be removed; a lifecycle rule of the bucket should: {Reason}")]
    private partial void LogPartsLeft(string key, string reason);

    [LoggerMessage(
        LogLevel.Warning, "{Count} files were left out of {Key}: their names are not UTF-8, or their links' targets cannot be written")]
    private partial void LogNamesLeftOut(string key, int count);

    [LoggerMessage(
        LogLevel.Warning,
        "Access to {Key} denied: without s3:ListBucket on {Bucket}, missing and forbidden look alike. "
            + "Until the role has it, such settings are saved only where nothing is stored. Logged once")]
    private partial void LogDeniedOrAbsent(string key, string bucket);
}
