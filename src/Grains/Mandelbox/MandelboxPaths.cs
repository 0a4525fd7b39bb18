using System.Globalization;

namespace HostService.Grains.Mandelbox;

/// <summary>The paths of a mandelbox's files on the host (B15, B17).</summary>
/// <param name="root"><c>Host:Root</c>.</param>
/// <param name="mandelboxId">Valid, because it becomes part of paths.</param>
/// <param name="isEcs">Whether the ECS agent creates the container (B29).</param>
public sealed class MandelboxPaths(string root, string mandelboxId, bool isEcs = false)
{
    /// <summary>The paths of another mandelbox of this host.</summary>
    public MandelboxPaths Of(string otherId) => new(root, otherId);

    /// <summary>Everything but sockets and logs.</summary>
    public string Home { get; } = Path.Combine(root, mandelboxId);

    /// <summary>Bound to <c>/fractal/resourceMappings</c>, in ECS mode by the agent's task definition, which names the directory.</summary>
    public string ResourceMappings => Path.Combine(Home, isEcs ? "containerResourceMappings" : "mandelboxResourceMappings");

    /// <summary>The user's app settings; bound to <c>/fractal/userConfigs</c>.</summary>
    public string UserConfigs => Path.Combine(Home, "userConfigs", "unpacked_configs");

    public string Temp { get; } = Path.Combine(root, "temp", mandelboxId);

    /// <summary>Bound to <c>/tmp/sockets</c>.</summary>
    public string Sockets => Path.Combine(Temp, "sockets");

    /// <summary>The socket on which a program inside gets the descriptors of its input devices.</summary>
    public string InputSocket => Path.Combine(Sockets, "uinput.sock");

    /// <summary>The logs of all sessions.</summary>
    public string AllLogs { get; } = Path.Combine(root, "temp", "logs", mandelboxId);

    /// <summary>The logs of one session; bound to <c>/var/log/fractal</c>.</summary>
    public string Logs(ulong sessionId) => Path.Combine(AllLogs, sessionId.ToString(CultureInfo.InvariantCulture));
}
