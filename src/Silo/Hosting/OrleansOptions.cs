namespace HostService.Silo.Hosting;

/// <summary>Section <c>Orleans</c>: the ports of the single-silo localhost cluster.</summary>
public sealed class OrleansOptions : IValidatedOptions
{
    /// <summary>Silo to silo, on loopback.</summary>
    public int SiloPort { get; set; } = 11111;

    /// <summary>
    /// Whether the silo takes clients in other processes, such as <c>host-service gateway</c>. Orleans has no authentication: who can
    /// connect to <see cref="GatewayPort"/> on this machine's loopback commands the host. False: no such port is open.
    /// </summary>
    public bool ExternalClients { get; set; }

    /// <summary>Clients to silo, on loopback; open only with <see cref="ExternalClients"/>.</summary>
    public int GatewayPort { get; set; } = 30000;

    /// <summary>How long <c>host-service gateway</c> waits for the silo.</summary>
    public TimeSpan WaitForSilo { get; set; } = TimeSpan.FromSeconds(30);

    public IEnumerable<string> Validate() => ValidatedOptions.Faults(
        (SiloPort is >= 1 and <= 65535, $"Orleans:SiloPort is {SiloPort}; it must be from 1 to 65535."),
        (GatewayPort is >= 1 and <= 65535 && GatewayPort != SiloPort,
            $"Orleans:GatewayPort is {GatewayPort}; it must be from 1 to 65535 and not the silo's."),
        (WaitForSilo > TimeSpan.Zero && WaitForSilo <= TimeSpan.FromHours(1),
            $"Orleans:WaitForSilo is {WaitForSilo}; it must be over zero and at most an hour, for example 00:00:30."));
}

/// <summary>Section <c>Dashboard</c>.</summary>
public sealed class DashboardOptions
{
    /// <summary>Whether <c>/dashboard</c> is served; where it is not set, only in local environments.</summary>
    public bool? Enabled { get; set; }

    /// <summary>Whether it is served in this environment.</summary>
    public bool EnabledIn(HostEnvironment environment) => Enabled ?? environment.IsLocal;
}
