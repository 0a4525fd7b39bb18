namespace HostService.Infrastructure.Linux.Firewall;

/// <summary>Section <c>Firewall</c>.</summary>
public sealed class FirewallOptions : IValidatedOptions
{
    public const string Section = "Firewall";

    /// <summary>The shell that runs the script with the rules (<c>deploy/firewall.sh</c>, a copy of which is in the service).</summary>
    public string Shell { get; set; } = "/bin/sh";

    /// <summary>How long the script may take. It waits up to 10 s for another program that changes rules.</summary>
    public TimeSpan LoadTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How often missing rules are loaded again.</summary>
    public TimeSpan CheckInterval { get; set; } = TimeSpan.FromSeconds(30);

    public IEnumerable<string> Validate() => ValidatedOptions.Faults(
        (!string.IsNullOrWhiteSpace(Shell), "Firewall:Shell is empty; it must name a shell, usually /bin/sh"),
        ValidatedOptions.Positive("Firewall:LoadTimeout", LoadTimeout),
        ValidatedOptions.Positive("Firewall:CheckInterval", CheckInterval));
}
