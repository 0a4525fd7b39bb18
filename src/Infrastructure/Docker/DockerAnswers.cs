using System.Globalization;
using System.Text.Json;
using Docker.DotNet.Models;
using PortBinding = HostService.GrainInterfaces.PortBinding;
using Version = System.Version;
using Wire = Docker.DotNet.Models;

namespace HostService.Infrastructure.Docker;

/// <summary>Translates the engine's answers into our records.</summary>
internal static class DockerAnswers
{
    public static ContainerDescription Describe(ContainerInspectResponse c)
    {
        var state = c.State ?? new ContainerState();
        var ended = state.Status is "exited" or "dead";

        // A container that does not run has only the ports that it was created with.
        var live = Ports(c.NetworkSettings?.Ports);
        return new ContainerDescription
        {
            Id = c.ID,
            Name = (c.Name ?? "").TrimStart('/'),
            Labels = Copy(c.Config?.Labels),
            Status = state.Status ?? "",
            ExitCode = ended ? (int)state.ExitCode : null,
            ImageId = c.Image ?? "",
            Unhealthy = state.Health?.Status == "unhealthy",
            OutOfMemory = state.OOMKilled,
            Pid = state.Pid,
            Ports = live.Length > 0 ? live : Ports(c.HostConfig?.PortBindings),
        };
    }

    /// <summary>From a list, which has no exit code, no process id and no times.</summary>
    public static ContainerDescription Describe(ContainerListResponse c) => new()
    {
        Id = c.ID,
        Name = (c.Names?.FirstOrDefault() ?? "").TrimStart('/'),
        Labels = Copy(c.Labels),
        Status = c.State ?? "",
        BoundPaths = [.. (c.Mounts ?? []).Where(m => m.Type == "bind").Select(m => m.Source)],
        Ports = [.. (c.Ports ?? []).Select(p => Port(p.PrivatePort, p.Type, p.PublicPort)).OfType<PortBinding>().Distinct()],
    };

    public static EngineInfo Describe(string engineVersion, Version apiVersion, SystemInfoResponse info) => new(
        engineVersion,
        apiVersion.ToString(),
        [.. (info.Runtimes?.Keys ?? []).Order(StringComparer.Ordinal)],

        // "name=seccomp,profile=default": only the name matters.
        [.. (info.SecurityOptions ?? [])
            .Select(o => o.Split(',')[0])
            .Select(o => o.StartsWith("name=", StringComparison.Ordinal) ? o[5..] : o)])
    {
        Id = info.ID ?? "",
        DefaultRuntime = info.DefaultRuntime ?? "",
        CgroupDriver = info.CgroupDriver ?? "",
    };

    /// <summary>Null for events that are not about containers. Throws <see cref="JsonException"/> on invalid JSON.</summary>
    public static ContainerEvent? Event(string line)
    {
        using var json = JsonDocument.Parse(line);
        var e = json.RootElement;
        if (e.ValueKind != JsonValueKind.Object || Text(e, "Type") != "container" || Text(e, "Action") is not { } action
            || !e.TryGetProperty("Actor", out var actor) || actor.ValueKind != JsonValueKind.Object
            || Text(actor, "ID") is not { Length: > 0 } id)
        {
            return null;
        }

        Dictionary<string, string> labels = [];
        if (actor.TryGetProperty("Attributes", out var attributes) && attributes.ValueKind == JsonValueKind.Object)
        {
            labels.EnsureCapacity(attributes.GetPropertyCount());
            foreach (var attribute in attributes.EnumerateObject().Where(a => a.Value.ValueKind == JsonValueKind.String))
            {
                labels[attribute.Name] = attribute.Value.GetString()!;
            }
        }

        // The engine adds a few attributes of its own to the labels.
        int? exitCode = labels.Remove("exitCode", out var code) && int.TryParse(code, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
        return new ContainerEvent(action, id, labels, exitCode, At(e)) { Name = labels.GetValueOrDefault("name", "") };
    }

    private static DateTimeOffset At(JsonElement e)
    {
        if (e.TryGetProperty("timeNano", out var nano) && nano.ValueKind == JsonValueKind.Number && nano.TryGetInt64(out var nanoseconds)
            && nanoseconds > 0)
        {
            return DateTimeOffset.UnixEpoch.AddTicks(nanoseconds / TimeSpan.NanosecondsPerTick);
        }

        return e.TryGetProperty("time", out var time) && time.ValueKind == JsonValueKind.Number && time.TryGetInt64(out var seconds)
            ? DateTimeOffset.UnixEpoch.AddSeconds(seconds)
            : DateTimeOffset.UnixEpoch;
    }

    private static string? Text(JsonElement e, string name) =>
        e.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static PortBinding[] Ports(IDictionary<string, IList<Wire.PortBinding>>? ports) =>
        [.. (ports ?? new Dictionary<string, IList<Wire.PortBinding>>())
            .SelectMany(p => (p.Value ?? []).Select(b => Port(p.Key, b.HostPort)))
            .OfType<PortBinding>()
            .Distinct()];

    /// <param name="key">For example <c>80/tcp</c>.</param>
    private static PortBinding? Port(string key, string? hostPort) =>
        key.Split('/') is [var inside, var protocol]
        && ushort.TryParse(inside, CultureInfo.InvariantCulture, out var containerPort)
        && ushort.TryParse(hostPort, CultureInfo.InvariantCulture, out var outside)
            ? Port(containerPort, protocol, outside)
            : null;

    /// <summary>Null for a port that is not published, and for protocols other than TCP and UDP.</summary>
    private static PortBinding? Port(ushort containerPort, string protocol, ushort hostPort) => (protocol, hostPort) switch
    {
        (_, 0) => null,
        ("tcp", _) => new PortBinding(containerPort, Transport.Tcp, hostPort),
        ("udp", _) => new PortBinding(containerPort, Transport.Udp, hostPort),
        _ => null,
    };

    private static Dictionary<string, string> Copy(IDictionary<string, string>? labels) =>
        labels is null ? [] : new Dictionary<string, string>(labels, StringComparer.Ordinal);
}
