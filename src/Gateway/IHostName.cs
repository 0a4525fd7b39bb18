namespace HostService.Gateway;

/// <summary>The instance's name, the key of the host's grain. Read at each request: it may become known after the start.</summary>
public interface IHostName
{
    string InstanceName { get; }

    /// <summary>Addresses for the self-signed certificate: those of the machine, and EC2's public one, which no interface has.</summary>
    IReadOnlyList<string> Addresses => [];
}
