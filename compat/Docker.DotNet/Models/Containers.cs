using System.Text.Json.Serialization;

namespace Docker.DotNet.Models;

/// <summary>Which containers to list.</summary>
public class ContainersListParameters
{
    [Query("size")]
    public bool? Size { get; set; }

    [Query("all")]
    public bool? All { get; set; }

    [Query("since")]
    public string Since { get; set; }

    [Query("before")]
    public string Before { get; set; }

    [Query("limit")]
    public long? Limit { get; set; }

    [Query("filters")]
    public IDictionary<string, IDictionary<string, bool>> Filters { get; set; }
}

/// <summary>A container in a list.</summary>
public class ContainerListResponse
{
    [JsonPropertyName("Id")]
    public string ID { get; set; }

    public IList<string> Names { get; set; }

    public string Image { get; set; }

    public string ImageID { get; set; }

    public string Command { get; set; }

    public DateTime Created { get; set; }

    public IList<Port> Ports { get; set; }

    public long SizeRw { get; set; }

    public long SizeRootFs { get; set; }

    public IDictionary<string, string> Labels { get; set; }

    public string State { get; set; }

    public string Status { get; set; }
}

/// <summary>A port of a container in a list.</summary>
public class Port
{
    public string IP { get; set; }

    public ushort PrivatePort { get; set; }

    public ushort PublicPort { get; set; }

    public string Type { get; set; }
}

/// <summary>All that the engine knows of a container.</summary>
public class ContainerInspectResponse
{
    [JsonPropertyName("Id")]
    public string ID { get; set; }

    public DateTime Created { get; set; }

    public string Path { get; set; }

    public IList<string> Args { get; set; }

    public ContainerState State { get; set; }

    public string Image { get; set; }

    public string ResolvConfPath { get; set; }

    public string HostnamePath { get; set; }

    public string HostsPath { get; set; }

    public string LogPath { get; set; }

    public string Name { get; set; }

    public long RestartCount { get; set; }

    public string Driver { get; set; }

    public string Platform { get; set; }

    public string MountLabel { get; set; }

    public string ProcessLabel { get; set; }

    public string AppArmorProfile { get; set; }

    public IList<string> ExecIDs { get; set; }

    public HostConfig HostConfig { get; set; }

    public long? SizeRw { get; set; }

    public long? SizeRootFs { get; set; }

    public Config Config { get; set; }

    public NetworkSettings NetworkSettings { get; set; }
}

/// <summary>Where a container stands.</summary>
public class ContainerState
{
    public string Status { get; set; }

    public bool Running { get; set; }

    public bool Paused { get; set; }

    public bool Restarting { get; set; }

    public bool OOMKilled { get; set; }

    public bool Dead { get; set; }

    public long Pid { get; set; }

    public long ExitCode { get; set; }

    public string Error { get; set; }

    /// <summary>ISO 8601; the year 1 for never.</summary>
    public string StartedAt { get; set; }

    /// <inheritdoc cref="StartedAt"/>
    public string FinishedAt { get; set; }
}

/// <summary>A container's network.</summary>
public class NetworkSettings
{
    public string Bridge { get; set; }

    public string SandboxID { get; set; }

    public IDictionary<string, IList<PortBinding>> Ports { get; set; }

    public string SandboxKey { get; set; }

    public string EndpointID { get; set; }

    public string Gateway { get; set; }

    public string IPAddress { get; set; }

    public long IPPrefixLen { get; set; }

    public string MacAddress { get; set; }
}

/// <summary>How to start.</summary>
public class ContainerStartParameters
{
    [Query("detachKeys")]
    public string DetachKeys { get; set; }
}

/// <summary>How to stop.</summary>
public class ContainerStopParameters
{
    [Query("t")]
    public uint? WaitBeforeKillSeconds { get; set; }
}

/// <summary>How to kill.</summary>
public class ContainerKillParameters
{
    [Query("signal")]
    public string Signal { get; set; }
}

/// <summary>How to remove.</summary>
public class ContainerRemoveParameters
{
    [Query("v")]
    public bool? RemoveVolumes { get; set; }

    [Query("link")]
    public bool? RemoveLinks { get; set; }

    [Query("force")]
    public bool? Force { get; set; }
}

/// <summary>How it ended.</summary>
public class ContainerWaitResponse
{
    public ContainerWaitOKBodyError Error { get; set; }

    public long StatusCode { get; set; }
}

/// <summary>Why it could not be waited for.</summary>
public class ContainerWaitOKBodyError
{
    public string Message { get; set; }
}
