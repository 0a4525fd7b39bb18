using System.Globalization;
using HostService.Infrastructure.Docker;

namespace HostService.Grains.Mandelbox;

/// <summary>Labels of our containers (B18). They record the whole lease: after a crash the engine still knows who holds what.</summary>
public static class ContainerLabels
{
    public const string MandelboxId = "host-service.mandelbox-id";
    public const string App = "host-service.app";
    public const string Host = "host-service.host";
    public const string Run = "host-service.run";
    public const string Root = "host-service.root";
    public const string User = "host-service.user";
    public const string Session = "host-service.session";
    public const string LeaseId = "host-service.lease";
    public const string Tty = "host-service.tty";
    public const string Gpu = "host-service.gpu";
    public const string Ports = "host-service.ports";

    /// <summary>The network sandbox that a mandelbox's container has joined.</summary>
    public const string Network = "host-service.network";

    /// <summary>A network sandbox: its host. It has no label <see cref="Host"/>: it is no mandelbox's container.</summary>
    public const string SandboxHost = "host-service.sandbox-host";

    /// <summary>A network sandbox: its name.</summary>
    public const string Sandbox = "host-service.sandbox";

    /// <summary>Lists mandelboxes' containers, those of other services on this engine included.</summary>
    public static IReadOnlyDictionary<string, string> OfAnyHost { get; } = new Dictionary<string, string> { [Host] = "" };

    /// <summary>Lists network sandboxes, those of other services on this engine included.</summary>
    public static IReadOnlyDictionary<string, string> OfAnySandbox { get; } = new Dictionary<string, string> { [Sandbox] = "" };

    public static Dictionary<string, string> Write(ContainerOwner owner, NetworkSandbox sandbox) => new()
    {
        [Sandbox] = sandbox.Name,
        [SandboxHost] = owner.InstanceName,
        [Root] = owner.Root,
        [Ports] = string.Join(',', sandbox.Ports.Select(Write)),
    };

    /// <summary>The name of one of this host's sandboxes; null for any other container.</summary>
    public static string? SandboxOf(IReadOnlyDictionary<string, string> labels, ContainerOwner owner) =>
        labels.GetValueOrDefault(SandboxHost) == owner.InstanceName || labels.GetValueOrDefault(Root) == owner.Root
            ? labels.GetValueOrDefault(Sandbox)
            : null;

    /// <summary>Which of these containers are this host's sandboxes, by name, and whether each runs.</summary>
    public static IReadOnlyDictionary<string, bool> SandboxesAmong(IEnumerable<ContainerDescription> containers, ContainerOwner owner) =>
        containers.Where(container => SandboxOf(container.Labels, owner) == container.Name)
            .ToDictionary(container => container.Name, container => container.Running, StringComparer.Ordinal);

    public static Dictionary<string, string> Write(ContainerOwner owner, Lease lease, SpinUpRequest request) => new()
    {
        [MandelboxId] = lease.MandelboxId,
        [App] = request.AppName,
        [Host] = owner.InstanceName,
        [Run] = owner.Run,
        [Root] = owner.Root,
        [User] = request.UserId,
        [Session] = request.SessionId.ToString(CultureInfo.InvariantCulture),
        [LeaseId] = lease.Id.ToString("N"),
        [Tty] = lease.Tty.ToString(CultureInfo.InvariantCulture),
        [Gpu] = lease.GpuIndex.ToString(CultureInfo.InvariantCulture),
        [Ports] = string.Join(',', lease.Ports.Select(Write)),
        [Network] = lease.Sandbox ?? "",
    };

    /// <summary>
    /// The mandelbox of a container, of whichever run or host; null where it has none. Labels cannot be changed: the container of one that
    /// has waited got the name of the mandelbox that adopted it.
    /// </summary>
    /// <param name="labels">Of the container.</param>
    /// <param name="name">The container's name now.</param>
    public static string? IdOf(IReadOnlyDictionary<string, string> labels, string name)
    {
        if (labels.GetValueOrDefault(MandelboxId) is not { Length: > 0 } labelled)
        {
            return null;
        }

        var prefix = ContainerNames.Container(labels.GetValueOrDefault(App, ""), mandelboxId: "");
        return MandelboxIds.IsWaiting(labelled) && name.StartsWith(prefix, StringComparison.Ordinal)
            && MandelboxIds.Fault(name[prefix.Length..]) is null
                ? name[prefix.Length..]
                : labelled;
    }

    /// <summary>The mandelbox of a container; null when it is not of this run, or a throw-away one, which has no grain.</summary>
    public static string? MandelboxOf(IReadOnlyDictionary<string, string> labels, string name, ContainerOwner owner) =>
        labels.GetValueOrDefault(Host) == owner.InstanceName && labels.GetValueOrDefault(Run) == owner.Run
            && IdOf(labels, name) is { } id && id != MandelboxIds.WarmUp
                ? id
                : null;

    /// <summary>
    /// Whether a container is this host's, of whichever run. By the root as well as by the name: the host may have been renamed since, and
    /// no other running service has this root.
    /// </summary>
    public static bool IsOfHost(IReadOnlyDictionary<string, string> labels, string instanceName, string root) =>
        labels.GetValueOrDefault(Host) == instanceName || labels.GetValueOrDefault(Root) == root;

    /// <summary>Whether a mandelbox's container is this host's, and outlived the run that made it. A sandbox is of no run.</summary>
    public static bool IsOfEarlierRun(IReadOnlyDictionary<string, string> labels, ContainerOwner owner) =>
        IsOfHost(labels, owner.InstanceName, owner.Root) && labels.GetValueOrDefault(Run) != owner.Run && !labels.ContainsKey(Sandbox);

    /// <summary>Whether the earlier run used this root; another's user configs may be unsaved. Older versions' labels name none.</summary>
    public static bool IsOfRoot(IReadOnlyDictionary<string, string> labels, ContainerOwner owner) =>
        labels.GetValueOrDefault(Root, owner.Root) == owner.Root;

    /// <summary>The lease that the labels record; null when they are not ours, or damaged.</summary>
    public static Lease? Read(IReadOnlyDictionary<string, string> labels, string name)
    {
        if (IdOf(labels, name) is not { } mandelboxId
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

        return new Lease(leaseId, mandelboxId, tty, gpu, ports, NetworkOf(labels));
    }

    /// <summary>The sandbox that a mandelbox's container has joined, or null.</summary>
    public static string? NetworkOf(IReadOnlyDictionary<string, string> labels) =>
        labels.GetValueOrDefault(Network) is { Length: > 0 } sandbox ? sandbox : null;

    /// <summary>Throws where <see cref="Read"/> gives null.</summary>
    public static ReattachRequest ReadReattachRequest(ContainerDescription container) => new(
        container.Id,
        Read(container.Labels, container.Name)
            ?? throw new ArgumentException($"the labels of container {container.Id} are damaged", nameof(container)),
        container.Labels.GetValueOrDefault(User, ""),
        container.Labels.GetValueOrDefault(App, ""),
        ulong.TryParse(container.Labels.GetValueOrDefault(Session), CultureInfo.InvariantCulture, out var session) ? session : 0);

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

/// <summary>Who makes a container.</summary>
/// <param name="Run">Identifies this run of the service.</param>
/// <param name="Root"><c>Host:Root</c>.</param>
public sealed record ContainerOwner(string InstanceName, string Run, string Root);
