namespace HostService.Infrastructure.Aws;

/// <summary>The identity of this machine (B34).</summary>
public interface IInstanceMetadata
{
    /// <summary>Keeps what it has read. Throws <see cref="InstanceMetadataException"/>, which names the value that failed.</summary>
    Task<HostIdentity> ReadAsync(CancellationToken cancellationToken);
}

/// <summary>The machine is not on EC2, or its metadata service fails; the message says which value and why.</summary>
public sealed class InstanceMetadataException(string message, Exception? inner = null) : Exception(message, inner);
