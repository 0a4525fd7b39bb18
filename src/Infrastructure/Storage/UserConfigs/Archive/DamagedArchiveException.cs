namespace HostService.Infrastructure.Storage.UserConfigs.Archive;

/// <summary>An archive that cannot be read, must not be trusted or is too large; the message says which. A retry does not help.</summary>
internal sealed class DamagedArchiveException(string message, Exception? inner = null) : Exception(message, inner);
