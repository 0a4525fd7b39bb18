using Microsoft.Extensions.Logging;

namespace HostService.Infrastructure.Storage.UserConfigs;

internal sealed partial class S3UserConfigStore
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "Transfer of {Key} failed at try {Attempt} and is tried again: {Reason}")]
    private partial void TransferBroke(string key, int attempt, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} links that point outside, or pipes, were left out of what {Key} unpacked to")]
    private partial void LinksLeftOut(string key, int count);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Parts of a failed upload to {Key} could not be removed; a lifecycle rule of the bucket should: {Reason}")]
    private partial void PartsLeftBehind(string key, string reason);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "{Count} files were left out of what is saved as {Key}: their names are no UTF-8, or their links' targets cannot be written")]
    private partial void NamesLeftOut(string key, int count);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "The store denies access to {Key}, as it does to an object that is not there unless the role may s3:ListBucket on {Bucket}. Until it may, users' first settings are saved only where nothing is stored. Said once")]
    private partial void DeniedOrAbsent(string key, string bucket);
}
