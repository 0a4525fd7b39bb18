using HostService.GrainInterfaces;

namespace HostService.Infrastructure.Aws;

/// <summary>Who this machine is (B34). A value once read is kept; a failed read is not.</summary>
public interface IInstanceMetadata
{
    /// <summary>Everything that identity needs; throws <see cref="InstanceMetadataException"/> naming what could not be read.</summary>
    Task<HostIdentity> ReadAsync(CancellationToken cancellationToken);
}

/// <summary>The machine is not on EC2, or its metadata service fails; the message says which value and why.</summary>
public sealed class InstanceMetadataException(string message, Exception? inner = null) : Exception(message, inner);
