using System.Diagnostics;

namespace HostService.Tests.Support;

/// <summary>Some machines on one switch, as far as the network goes: a network namespace each. This machine's own network does not see them.</summary>
public sealed class MachineNetwork : IAsyncDisposable
{
    private readonly NetworkNamespace _switch;
    private readonly List<Machine> _machines = [];

    private MachineNetwork(NetworkNamespace theSwitch) => _switch = theSwitch;

    /// <summary>Why there can be none on this machine, or null.</summary>
    public static string? SkipReason { get; } = FindObstacle();

    public IReadOnlyList<Machine> Machines => _machines;

    public static async Task<MachineNetwork> CreateAsync(int machines)
    {
        var network = new MachineNetwork(await NetworkNamespace.CreateAsync());
        try
        {
            await network._switch.RunAsync("ip", "link", "add", "name", "switch", "type", "bridge");
            await network._switch.RunAsync("ip", "link", "set", "switch", "up");
            for (var number = 1; number <= machines; number++)
            {
                network._machines.Add(await Machine.CreateAsync(network._switch, number));
            }

            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var machine in _machines)
        {
            await machine.Network.DisposeAsync();
        }

        await _switch.DisposeAsync();
    }

    private static string? FindObstacle()
    {
        if (Needs.SkipReason(["ip", "unshare", "nsenter"]) is { } reason)
        {
            return reason;
        }

        string[] command = ["--net", "sh", "-c", "PATH=$PATH:/usr/sbin:/sbin; ip link add name a type bridge && ip link add name b type veth"];
        using var tried = Process.Start(new ProcessStartInfo("unshare", command) { UseShellExecute = false, RedirectStandardError = true })!;
        var errors = tried.StandardError.ReadToEnd();
        tried.WaitForExit();
        return tried.ExitCode == 0 ? null : $"cannot make network namespaces with a bridge, which takes root: {errors.Trim()}";
    }
}

/// <summary>One machine of a <see cref="MachineNetwork"/>.</summary>
public sealed class Machine
{
    private readonly NetworkNamespace _switch;
    private readonly string _port;

    private Machine(NetworkNamespace theSwitch, int number, NetworkNamespace network) =>
        (_switch, _port, Address, Network) = (theSwitch, $"port{number}", $"10.231.0.{number}", network);

    public string Address { get; }

    public NetworkNamespace Network { get; }

    /// <summary>Its end of the cable loses the carrier. Nothing comes through, and nobody is told.</summary>
    public Task UnplugAsync() => _switch.RunAsync("ip", "link", "set", _port, "down");

    public Task PlugInAsync() => _switch.RunAsync("ip", "link", "set", _port, "up");

    internal static async Task<Machine> CreateAsync(NetworkNamespace theSwitch, int number)
    {
        var machine = new Machine(theSwitch, number, await NetworkNamespace.CreateAsync());
        await theSwitch.RunAsync(
            "ip", "link", "add", "name", machine._port, "type", "veth", "peer", "name", "eth0", "netns", $"{machine.Network.Pid}");
        await theSwitch.RunAsync("ip", "link", "set", machine._port, "master", "switch", "up");
        await machine.Network.RunAsync("ip", "address", "add", $"{machine.Address}/24", "dev", "eth0");
        await machine.Network.RunAsync("ip", "link", "set", "eth0", "up");
        return machine;
    }
}
