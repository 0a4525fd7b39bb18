namespace Docker.DotNet;

/// <summary>The engine.</summary>
public interface IDockerClient : IDisposable
{
    DockerClientConfiguration Configuration { get; }

    /// <summary>Deadline of a call whose own length is not open; infinite is allowed.</summary>
    TimeSpan DefaultTimeout { get; set; }

    IContainerOperations Containers { get; }

    IImageOperations Images { get; }

    ISystemOperations System { get; }
}
