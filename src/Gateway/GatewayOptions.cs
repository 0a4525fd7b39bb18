using System.Net;
using HostService.Gateway.Wire;

namespace HostService.Gateway;

/// <summary>Section <c>Gateway</c>: where the gateway listens and how long it waits.</summary>
public sealed class GatewayOptions : IValidatedOptions
{
    public const string Section = "Gateway";

    /// <summary>TCP port of the HTTPS server; 0 lets the system choose one.</summary>
    public int Port { get; set; } = 4678;

    /// <summary>The one address to listen on; empty for all of them.</summary>
    public string Address { get; set; } = "";

    /// <summary>The operator's certificate (PEM, with its chain if it has one); empty for a self-signed one, new at each start.</summary>
    public string CertificatePath { get; set; } = "";

    /// <summary>Its private key (PEM, not encrypted); empty when the key is in the certificate's file.</summary>
    public string CertificateKeyPath { get; set; } = "";

    /// <summary>
    /// More addresses and names for the self-signed certificate, separated by commas, that no interface of this machine has.
    /// </summary>
    public string CertificateNames { get; set; } = "";

    /// <summary>Addresses and networks (<c>10.1.2.3, 10.8.0.0/16</c>) that may read health and metrics; loopback always may.</summary>
    public string MonitoringNetworks { get; set; } = "";

    /// <summary>
    /// Addresses and networks, beside loopback, whose callers share an address, such as the backend's. The limits per address do not apply
    /// to them, and the limits in all apply to them apart from everybody else.
    /// </summary>
    public string TrustedNetworks { get; set; } = "";

    /// <summary>Connections that may be open at a time. Further ones are closed before their TLS handshake.</summary>
    public int MaxConnections { get; set; } = 512;

    /// <summary>As <see cref="MaxConnections"/>, for one address; an IPv6 caller is counted by its /64.</summary>
    public int MaxConnectionsPerAddress { get; set; } = 64;

    /// <summary>Requests that may be under way at a time. Further ones get a 503 with <c>Retry-After</c>.</summary>
    public int MaxRequests { get; set; } = 512;

    /// <summary>As <see cref="MaxRequests"/>, for one address.</summary>
    public int MaxRequestsPerAddress { get; set; } = 64;

    /// <summary>
    /// Memory for request bodies beyond the 16 KiB that each request has. A request that needs more than is left gets a 503 with
    /// <c>Retry-After</c>.
    /// </summary>
    public int MaxBodyBytes { get; set; } = 32 * 1024 * 1024;

    /// <summary>As <see cref="MaxBodyBytes"/>, for one address.</summary>
    public int MaxBodyBytesPerAddress { get; set; } = 4 * 1024 * 1024;

    /// <summary>How long a body may take to arrive; one that takes longer is malformed.</summary>
    public TimeSpan BodyTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// A connection without a request (or HTTP/2 ping) ends after this time. Longer than the 90 s after which common clients end an idle
    /// connection themselves, so that they do not send a request on one that is just being closed.
    /// </summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromSeconds(100);

    /// <summary>Timeout of a spin-up, a mount or a stop. Longer than the grain call's, so that the grain's answer arrives.</summary>
    public TimeSpan MandelboxTimeout { get; set; } = TimeSpan.FromSeconds(150);

    /// <summary>Timeout of any other call; longer than the grain call's as well.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(40);

    /// <summary>How long <c>/readyz</c> and <c>/metrics</c> wait for the host's grain.</summary>
    public TimeSpan ProbeTimeout { get; set; } = TimeSpan.FromSeconds(5);

    public IEnumerable<string> Validate() =>
    [
        .. ValidatedOptions.Faults(
            (Port is >= 0 and <= 65535, $"Gateway:Port is {Port}; it must be from 0 to 65535."),
            (Address.Length == 0 || IPAddress.TryParse(Address, out _),
                $"Gateway:Address is '{Address}'; give an IP address, or leave it empty to listen on all of them."),
            (CertificateKeyPath.Length == 0 || CertificatePath.Length > 0,
                "Gateway:CertificateKeyPath is set and Gateway:CertificatePath is not; set both or neither."),
            LongerThanCall(nameof(MandelboxTimeout), MandelboxTimeout, GrainCallTimeouts.MandelboxCall),
            LongerThanCall(nameof(Timeout), Timeout, GrainCallTimeouts.OtherCall),
            ValidatedOptions.Positive("Gateway:ProbeTimeout", ProbeTimeout),
            ValidatedOptions.Positive("Gateway:BodyTimeout", BodyTimeout),
            ValidatedOptions.Positive("Gateway:IdleTimeout", IdleTimeout)),
        .. AddressList.Faults("Gateway:MonitoringNetworks", MonitoringNetworks),
        .. AddressList.Faults("Gateway:TrustedNetworks", TrustedNetworks),
        .. AddressList.Split(CertificateNames)
            .Where(name => Uri.CheckHostName(name) == UriHostNameType.Unknown)
            .Select(name => $"Gateway:CertificateNames holds '{name}', which is neither an IP address nor a DNS name."),
        .. FaultsOfLimit(nameof(MaxConnections), MaxConnections, MaxConnectionsPerAddress, 1),
        .. FaultsOfLimit(nameof(MaxRequests), MaxRequests, MaxRequestsPerAddress, 1),
        .. FaultsOfLimit(nameof(MaxBodyBytes), MaxBodyBytes, MaxBodyBytesPerAddress, BodyBuffer.Largest),
    ];

    private static (bool Holds, string Fault) LongerThanCall(string name, TimeSpan value, TimeSpan call) =>
        (value > call, $"Gateway:{name} is {value}; it must be longer than the timeout of its grain call ({call}).");

    private static IEnumerable<string> FaultsOfLimit(string name, int total, int perAddress, int least) => ValidatedOptions.Faults(
        (perAddress >= least, $"Gateway:{name}PerAddress is {perAddress}; it must be at least {least}."),
        (total >= perAddress, $"Gateway:{name} is {total}; it must be at least Gateway:{name}PerAddress ({perAddress})."));
}

/// <summary>Section <c>Ecs</c>: hosts on which the ECS agent makes the containers.</summary>
public sealed class EcsOptions : IValidatedOptions
{
    public const string Section = "Ecs";

    /// <summary>Whether containers may be made by the ECS agent (B29).</summary>
    public bool Enabled { get; set; }

    /// <summary>The agent's own systemd unit; started by the service in deployed environments, once the agent's calls are taken.</summary>
    public string AgentUnit { get; set; } = "ecs.service";

    public IEnumerable<string> Validate() => ValidatedOptions.Faults(
        (!Enabled || (AgentUnit.Length > 0 && !AgentUnit.StartsWith('-') && !AgentUnit.Any(char.IsWhiteSpace)),
            $"Ecs:AgentUnit is '{AgentUnit}'; give the name of the agent's systemd unit, for example ecs.service."));
}
