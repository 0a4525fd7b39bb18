namespace HostService.Infrastructure.Aws;

/// <summary>Who this machine is (B34). A value once read is kept; a failed read is not.</summary>
public interface IInstanceMetadata
{
    /// <summary>Everything that identity needs; throws <see cref="InstanceMetadataException"/> naming what could not be read.</summary>
    Task<InstanceIdentity> ReadAsync(CancellationToken cancellationToken);
}

/// <param name="Name">The instance's <c>Name</c> tag.</param>
public sealed record InstanceIdentity(string Name, string InstanceId, string InstanceType, string AmiId, string Region, string PublicIpv4);

/// <summary>The machine is not on EC2, or its metadata service fails; the message says which value and why.</summary>
public sealed class InstanceMetadataException(string message, Exception? inner = null) : Exception(message, inner);
