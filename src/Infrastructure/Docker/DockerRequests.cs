using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Docker.DotNet.Models;
using HostService.Infrastructure.Linux;
using PortBinding = HostService.GrainInterfaces.PortBinding;
using Wire = Docker.DotNet.Models;

namespace HostService.Infrastructure.Docker;

/// <summary>Translates our records into the engine's requests.</summary>
internal static class DockerRequests
{
    /// <summary>
    /// Where ports are published; null for everywhere. Without IPv6 on the host one proxy process of the engine for each port is enough.
    /// </summary>
    internal static string? Address { get; } = HasIpv6() ? null : "0.0.0.0";

    public static CreateContainerParameters Create(ContainerSpec spec, DockerOptions options) => new()
    {
        Name = spec.Name,
        Image = spec.Image,
        Env = [.. spec.Environment],
        Labels = spec.Labels.ToDictionary(),
        Tty = spec.Tty,
        OpenStdin = spec.Tty,
        AttachStdin = spec.Tty,
        AttachStdout = spec.Tty,
        AttachStderr = spec.Tty,
        ExposedPorts = Published(spec).DistinctBy(Key).ToDictionary(Key, _ => default(EmptyStruct)),
        HostConfig = new HostConfig
        {
            Binds = [.. spec.Binds],
            NetworkMode = spec.NetworkOf is { } other ? $"container:{other}" : null,
            PortBindings = Published(spec).GroupBy(Key).ToDictionary(
                g => g.Key,
                g => (IList<Wire.PortBinding>)
                    [.. g.Select(p => new Wire.PortBinding { HostIP = Address, HostPort = p.HostPort.ToString() })]),
            Devices =
                [.. spec.Devices.Select(d => new DeviceMapping { PathOnHost = d, PathInContainer = d, CgroupPermissions = "rwm" })],
            Tmpfs = spec.Tmpfs.ToDictionary(),
            CapDrop = [.. spec.CapDrop],
            CapAdd = [.. spec.CapAdd],
            SecurityOpt = [.. spec.SecurityOptions],
            Memory = spec.MemoryBytes,
            CPUShares = spec.CpuShares,
            ShmSize = spec.ShmBytes,
            Runtime = spec.Runtime,
            PidsLimit = options.PidsLimit,

            // The engine's default is a log without a limit. Uncompressed: a container could keep the engine busy compressing.
            LogConfig = new LogConfig
            {
                Type = "local",
                Config = new Dictionary<string, string>
                {
                    ["max-size"] = options.LogFileBytes.ToString(CultureInfo.InvariantCulture),
                    ["max-file"] = options.LogFiles.ToString(CultureInfo.InvariantCulture),
                    ["compress"] = "false",
                },
            },
        },
    };

    public static ContainersListParameters List(IReadOnlyDictionary<string, string> labels) => new()
    {
        All = true,
        Filters = labels.Count == 0
            ? null
            : Filter(("label", labels.Select(l => l.Value.Length == 0 ? l.Key : $"{l.Key}={l.Value}"))),
    };

    public static ContainerEventsParameters Events(DateTimeOffset? since) => new()
    {
        Since = since is { } from ? UnixTime(from) : null,
        Filters = Filter(("type", ["container"]), ("event", ["create", "start", "oom", "die", "destroy"])),
    };

    /// <summary>Seconds since 1970 with nine decimals, the engine's format.</summary>
    internal static string UnixTime(DateTimeOffset at)
    {
        var ticks = (at - DateTimeOffset.UnixEpoch).Ticks;
        return $"{ticks / TimeSpan.TicksPerSecond}.{ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick:000000000}";
    }

    private static IReadOnlyList<PortBinding> Published(ContainerSpec spec) => spec.NetworkOf is null ? spec.Ports : [];

    private static string Key(PortBinding port) => $"{port.MandelboxPort}/{(port.Transport == Transport.Udp ? "udp" : "tcp")}";

    private static bool HasIpv6() => Socket.OSSupportsIPv6
        && MachineAddresses.Read().Any(ip => ip.AddressFamily == AddressFamily.InterNetworkV6 && !IPAddress.IsLoopback(ip));

    private static Dictionary<string, IDictionary<string, bool>> Filter(params (string Name, IEnumerable<string> Values)[] filters) =>
        filters.ToDictionary(f => f.Name, f => (IDictionary<string, bool>)f.Values.Distinct().ToDictionary(v => v, _ => true));
}
