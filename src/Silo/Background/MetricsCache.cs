using HostService.Infrastructure.Backend.Webserver;
using HostService.Infrastructure.Metrics;
using HostService.Silo.Startup;

namespace HostService.Silo.Background;

/// <summary>The latest reading of the machine's metrics.</summary>
public sealed class MetricsCache(IMachineMetrics metrics, HostIdentityProvider identity)
{
    private MachineFigures? _latest;

    /// <summary>The reading that was taken last; one is taken where there is none yet.</summary>
    public MachineFigures Latest
    {
        get => _latest ??= metrics.Read();
        set => _latest = value;
    }

    /// <summary>For the webserver (B28).</summary>
    public WebserverFacts WebserverFacts() => new(identity.Found, Latest);
}
