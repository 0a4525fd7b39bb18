using System.Net;
using HostService.GrainInterfaces;

namespace HostService.Gateway;

/// <summary>Section <c>Gateway</c>: where the gateway listens and how long it waits.</summary>
public sealed class GatewayOptions
{
    public const string Section = "Gateway";

    /// <summary>TCP port of the HTTPS server; 0 lets the system choose one.</summary>
    public int Port { get; set; } = 4678;

    /// <summary>The one address to listen on; empty for all of them.</summary>
    public string Address { get; set; } = "";

    /// <summary>The operator's own certificate (PEM, with its chain if it has one); empty for a self-signed one, new at each start.</summary>
    public string CertificatePath { get; set; } = "";

    /// <summary>Its private key (PEM, not encrypted); empty when the key is in the certificate's file.</summary>
    public string CertificateKeyPath { get; set; } = "";

    /// <summary>More addresses and names for the self-signed certificate, separated by commas: those that no interface of this machine shows.</summary>
    public string CertificateNames { get; set; } = "";

    /// <summary>The instance's name, by which the host's grain is found; empty for the machine's own name.</summary>
    public string InstanceName { get; set; } = "";

    /// <summary>Addresses and networks (<c>10.1.2.3, 10.8.0.0/16</c>) that may read health and metrics; loopback always may.</summary>
    public string MonitoringNetworks { get; set; } = "";

    /// <summary>How long a caller waits for a spin-up, a mount or an end. Longer than the grain call's own time-out, so that the grain's answer arrives.</summary>
    public TimeSpan MandelboxTimeout { get; set; } = TimeSpan.FromSeconds(150);

    /// <summary>How long any other call waits; longer than the grain call as well.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(40);

    /// <summary>How long <c>/readyz</c> and <c>/metrics</c> wait for the host's grain.</summary>
    public TimeSpan ProbeTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Every fault of these settings, each with what to do; empty when there is none.</summary>
    public IEnumerable<string> Validate()
    {
        if (Port is < 0 or > 65535)
            yield return $"Gateway:Port is {Port}; it must be from 0 to 65535.";
        if (Address.Length > 0 && !IPAddress.TryParse(Address, out _))
            yield return $"Gateway:Address is '{Address}'; give an IP address, or leave it empty to listen on all of them.";
        if (CertificateKeyPath.Length > 0 && CertificatePath.Length == 0)
            yield return "Gateway:CertificateKeyPath is set and Gateway:CertificatePath is not; set both or neither.";
        foreach (var network in AddressList.Split(MonitoringNetworks).Where(n => !AddressList.TryParseNetwork(n, out _)))
            yield return $"Gateway:MonitoringNetworks holds '{network}', which is neither an IP address nor a network such as 10.8.0.0/16.";
        foreach (var name in AddressList.Split(CertificateNames).Where(n => Uri.CheckHostName(n) == UriHostNameType.Unknown))
            yield return $"Gateway:CertificateNames holds '{name}', which is neither an IP address nor a DNS name.";
        if (MandelboxTimeout <= GrainCallTimeouts.MandelboxCall)
            yield return $"Gateway:MandelboxTimeout is {MandelboxTimeout}; it must be longer than the grain call within ({GrainCallTimeouts.MandelboxCall}).";
        if (Timeout <= GrainCallTimeouts.OtherCall)
            yield return $"Gateway:Timeout is {Timeout}; it must be longer than the grain call within ({GrainCallTimeouts.OtherCall}).";
        if (ProbeTimeout <= TimeSpan.Zero)
            yield return $"Gateway:ProbeTimeout is {ProbeTimeout}; it must be longer than zero.";
    }
}

/// <summary>Section <c>Ecs</c>: hosts on which the ECS agent makes the containers.</summary>
public sealed class EcsOptions
{
    public const string Section = "Ecs";

    /// <summary>Whether containers may be made by the ECS agent (B29).</summary>
    public bool Enabled { get; set; }

    /// <summary>The agent's own systemd unit; started by the service in deployed environments, once the agent's calls are taken.</summary>
    public string AgentUnit { get; set; } = "ecs.service";

    /// <summary>Every fault of these settings; empty when there is none.</summary>
    public IEnumerable<string> Validate()
    {
        if (Enabled && (AgentUnit.Length == 0 || AgentUnit.StartsWith('-') || AgentUnit.Any(char.IsWhiteSpace)))
            yield return $"Ecs:AgentUnit is '{AgentUnit}'; give the name of the agent's systemd unit, for example ecs.service.";
    }
}
