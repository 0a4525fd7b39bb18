using HostService.Gateway;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Linux.Processes;
using HostService.Silo.Hosting;

namespace HostService.Silo.Startup;

/// <summary>Refuses to start beside a running service that uses the same directory, port or containers. Held until exit.</summary>
public sealed class ExclusiveUse(
    IOptions<HostOptions> host, IOptions<OrleansOptions> orleans, IOptions<GatewayOptions> gateway, ProcessClaims claims)
{
    /// <summary>Whether another running service was found.</summary>
    public bool IsRefused { get; private set; }

    /// <exception cref="StartRefusedException">A running service uses one of the directories or ports.</exception>
    public void ClaimDirectoriesAndPorts()
    {
        var directories = host.Value;
        Claim(
        [
            Directory("Host:Root", directories.Root),
            Directory("Host:PrivateRoot", directories.PrivateRoot),
            Directory("Host:CloudStorageRoot", directories.CloudStorageRoot),
            .. Ports(),
        ]);
    }

    /// <summary>For a process that has no mandelboxes.</summary>
    /// <exception cref="StartRefusedException">A running service uses one of the ports.</exception>
    public void ClaimPorts() => Claim(Ports());

    private List<(string Key, string Value, string Name)> Ports()
    {
        // Orleans binds its ports so that a second process can bind them, too; each would get some of the other's connections.
        List<(string Key, string Value, string Name)> all = [Port("Orleans:SiloPort", orleans.Value.SiloPort)];
        if (orleans.Value.ExternalClients)
        {
            all.Add(Port("Orleans:GatewayPort", orleans.Value.GatewayPort));
        }

        if (gateway.Value.Port > 0)
        {
            all.Add(Port("Gateway:Port", gateway.Value.Port));
        }

        return all;
    }

    /// <exception cref="StartRefusedException">A running service of this name uses this engine.</exception>
    public void ClaimEngine(EngineInfo engine, string instanceName) => Claim(
    [
        ("Host:InstanceName", instanceName, $"engine {(engine.Id.Length > 0 ? engine.Id : "without id")}, instance {instanceName}"),
    ]);

    private static (string Key, string Value, string Name) Directory(string key, string path)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        return (key, path, $"directory {full}");
    }

    private static (string Key, string Value, string Name) Port(string key, int port) => (key, $"{port}", $"TCP port {port}");

    private void Claim(IEnumerable<(string Key, string Value, string Name)> all)
    {
        // Nothing is taken after the first that is taken already: of two that start at the same time and share several, each could get one
        // that the other needs, and both would be refused.
        var taken = new List<string>();
        foreach (var (key, value, name) in all)
        {
            if (taken.Count == 0 ? !claims.TryTake(name) : ProcessClaims.IsTaken(name))
            {
                taken.Add($"{key} ({value})");
            }
        }

        if (taken.Count > 0)
        {
            IsRefused = true;
            throw new StartRefusedException(
                ExitCodes.Refused,
                $"Another running host service on this machine uses the same {string.Join(", ", taken)}: "
                + "end that one, or give this one values of its own for these keys.");
        }
    }
}
