namespace HostService.Gateway;

/// <summary>The instance's name, the key of the host's grain. Read at each request: it may become known after the start.</summary>
public interface IHostName
{
    string InstanceName { get; }

    /// <summary>Addresses for the self-signed certificate that no interface of the machine has, such as EC2's public one.</summary>
    IReadOnlyList<string> Addresses => [];
}
