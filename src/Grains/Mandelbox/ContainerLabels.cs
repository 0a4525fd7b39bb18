using System.Globalization;

namespace HostService.Grains.Mandelbox;

/// <summary>
/// The labels of our containers (B18). They record the whole lease, so that after a crash the engine still knows who holds what.
/// </summary>
public static class ContainerLabels
{
    public const string MandelboxId = "host-service.mandelbox-id";
    public const string App = "host-service.app";
    public const string Host = "host-service.host";
    public const string User = "host-service.user";
    public const string Session = "host-service.session";
    public const string LeaseId = "host-service.lease";
    public const string Tty = "host-service.tty";
    public const string Gpu = "host-service.gpu";
    public const string Ports = "host-service.ports";

    /// <summary>The labels of a mandelbox's container.</summary>
    public static Dictionary<string, string> Write(string instanceName, Lease lease, SpinUpRequest request) => new()
    {
        [MandelboxId] = lease.MandelboxId,
        [App] = request.AppName,
        [Host] = instanceName,
        [User] = request.UserId,
        [Session] = request.SessionId.ToString(CultureInfo.InvariantCulture),
        [LeaseId] = lease.Id.ToString("N"),
        [Tty] = lease.Tty.ToString(CultureInfo.InvariantCulture),
        [Gpu] = lease.GpuIndex.ToString(CultureInfo.InvariantCulture),
        [Ports] = string.Join(',', lease.Ports.Select(Write)),
    };

    /// <summary>
    /// The id of the mandelbox that a container belongs to; null when it is not one of this host's, or a throw-away one, which has no
    /// grain.
    /// </summary>
    public static string? MandelboxOf(IReadOnlyDictionary<string, string> labels, string instanceName) =>
        labels.TryGetValue(Host, out var owner) && owner == instanceName && labels.TryGetValue(MandelboxId, out var id)
        && id.Length > 0 && id != MandelboxIds.WarmUp
            ? id
            : null;

    /// <summary>The lease that the labels record; null when they are not ours, or damaged.</summary>
    public static Lease? Read(IReadOnlyDictionary<string, string> labels)
    {
        if (!labels.TryGetValue(MandelboxId, out var mandelboxId)
            || !labels.TryGetValue(LeaseId, out var leaseText) || !Guid.TryParseExact(leaseText, "N", out var leaseId)
            || !labels.TryGetValue(Tty, out var ttyText) || !int.TryParse(ttyText, CultureInfo.InvariantCulture, out var tty)
            || !labels.TryGetValue(Gpu, out var gpuText) || !int.TryParse(gpuText, CultureInfo.InvariantCulture, out var gpu)
            || !labels.TryGetValue(Ports, out var portsText))
        {
            return null;
        }

        var ports = new List<PortBinding>();
        foreach (var text in portsText.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            if (ReadPort(text) is not { } port)
            {
                return null;
            }

            ports.Add(port);
        }

        return new Lease(leaseId, mandelboxId, tty, gpu, ports);
    }

    private static string Write(PortBinding port) =>
        $"{port.MandelboxPort}/{(port.Transport == Transport.Udp ? "udp" : "tcp")}={port.HostPort}";

    private static PortBinding? ReadPort(string text)
    {
        var halves = text.Split('=');
        var inside = halves[0].Split('/');
        if (halves.Length != 2 || inside.Length != 2 || inside[1] is not ("tcp" or "udp")
            || !ushort.TryParse(inside[0], CultureInfo.InvariantCulture, out var port)
            || !ushort.TryParse(halves[1], CultureInfo.InvariantCulture, out var hostPort))
        {
            return null;
        }

        return new PortBinding(port, inside[1] == "udp" ? Transport.Udp : Transport.Tcp, hostPort);
    }
}
