using System.Text.Json.Serialization;

namespace Docker.DotNet.Models;

/// <summary>What a container is created with; name and platform travel in the query, the rest in the body.</summary>
public class CreateContainerParameters
{
    public CreateContainerParameters()
    {
    }

    public CreateContainerParameters(Config Config)
    {
        if (Config is null)
        {
            return;
        }

        (Hostname, Domainname, User) = (Config.Hostname, Config.Domainname, Config.User);
        (AttachStdin, AttachStdout, AttachStderr) = (Config.AttachStdin, Config.AttachStdout, Config.AttachStderr);
        (Tty, OpenStdin, StdinOnce) = (Config.Tty, Config.OpenStdin, Config.StdinOnce);
        (ExposedPorts, Volumes, Labels) = (Config.ExposedPorts, Config.Volumes, Config.Labels);
        (Env, Cmd, Entrypoint, Image) = (Config.Env, Config.Cmd, Config.Entrypoint, Config.Image);
        (WorkingDir, NetworkDisabled, MacAddress) = (Config.WorkingDir, Config.NetworkDisabled, Config.MacAddress);
        (StopSignal, StopTimeout, Shell, OnBuild, ArgsEscaped) = (Config.StopSignal, Config.StopTimeout, Config.Shell, Config.OnBuild, Config.ArgsEscaped);
    }

    [Query("name"), JsonIgnore]
    public string Name { get; set; }

    [Query("platform"), JsonIgnore]
    public string Platform { get; set; }

    public string Hostname { get; set; }

    public string Domainname { get; set; }

    public string User { get; set; }

    public bool AttachStdin { get; set; }

    public bool AttachStdout { get; set; }

    public bool AttachStderr { get; set; }

    public IDictionary<string, EmptyStruct> ExposedPorts { get; set; }

    public bool Tty { get; set; }

    public bool OpenStdin { get; set; }

    public bool StdinOnce { get; set; }

    public IList<string> Env { get; set; }

    public IList<string> Cmd { get; set; }

    public bool ArgsEscaped { get; set; }

    public string Image { get; set; }

    public IDictionary<string, EmptyStruct> Volumes { get; set; }

    public string WorkingDir { get; set; }

    public IList<string> Entrypoint { get; set; }

    public bool NetworkDisabled { get; set; }

    public string MacAddress { get; set; }

    public IList<string> OnBuild { get; set; }

    public IDictionary<string, string> Labels { get; set; }

    public string StopSignal { get; set; }

    [JsonConverter(typeof(SecondsConverter))]
    public TimeSpan? StopTimeout { get; set; }

    public IList<string> Shell { get; set; }

    public HostConfig HostConfig { get; set; }
}

/// <summary>An object without members, as Go's <c>struct{}</c>.</summary>
public struct EmptyStruct;

/// <summary>What a container was created with, apart from the host's side of it.</summary>
public class Config
{
    public string Hostname { get; set; }

    public string Domainname { get; set; }

    public string User { get; set; }

    public bool AttachStdin { get; set; }

    public bool AttachStdout { get; set; }

    public bool AttachStderr { get; set; }

    public IDictionary<string, EmptyStruct> ExposedPorts { get; set; }

    public bool Tty { get; set; }

    public bool OpenStdin { get; set; }

    public bool StdinOnce { get; set; }

    public IList<string> Env { get; set; }

    public IList<string> Cmd { get; set; }

    public bool ArgsEscaped { get; set; }

    public string Image { get; set; }

    public IDictionary<string, EmptyStruct> Volumes { get; set; }

    public string WorkingDir { get; set; }

    public IList<string> Entrypoint { get; set; }

    public bool NetworkDisabled { get; set; }

    public string MacAddress { get; set; }

    public IList<string> OnBuild { get; set; }

    public IDictionary<string, string> Labels { get; set; }

    public string StopSignal { get; set; }

    [JsonConverter(typeof(SecondsConverter))]
    public TimeSpan? StopTimeout { get; set; }

    public IList<string> Shell { get; set; }
}

/// <summary>The engine made it.</summary>
public class CreateContainerResponse
{
    [JsonPropertyName("Id")]
    public string ID { get; set; }

    public IList<string> Warnings { get; set; }
}
