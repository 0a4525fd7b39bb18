namespace HostService.Infrastructure.Storage.UserConfigs;

/// <summary>Log messages. They name the mandelbox's directory, because an object's key names the user.</summary>
internal sealed partial class S3UserConfigStore
{
    [LoggerMessage(LogLevel.Warning, "Transfer of the configs in {Directory} failed at try {Attempt}; retrying: {Reason}")]
    private partial void LogTransferFailed(string directory, int attempt, string reason);

    [LoggerMessage(LogLevel.Warning, "{Count} links to the outside, or pipes, were left out when the configs in {Directory} were unpacked")]
    private partial void LogLinksLeftOut(string directory, int count);

    [LoggerMessage(
        LogLevel.Warning, "Parts of a failed upload of {Directory} could not be removed; a lifecycle rule of the bucket should: {Reason}")]
    private partial void LogPartsLeft(string directory, string reason);

    [LoggerMessage(
        LogLevel.Warning,
        "{Count} files in {Directory} were not saved: their names are not UTF-8, or their links' targets cannot be written")]
    private partial void LogNamesLeftOut(string directory, int count);

    [LoggerMessage(
        LogLevel.Warning,
        "Access to the configs for {Directory} denied: without s3:ListBucket on {Bucket}, missing and forbidden look alike. "
            + "Until the role has it, such settings are saved only where nothing is stored. Logged once")]
    private partial void LogDeniedOrAbsent(string directory, string bucket);
}
