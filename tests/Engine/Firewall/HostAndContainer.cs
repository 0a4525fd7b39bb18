using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Firewall;

/// <summary>
/// A host and a container as far as the network goes: two network namespaces, joined by a veth pair, with <c>route_localnet</c> set on the
/// host. The machine's own network does not see them.
/// </summary>
internal sealed class HostAndContainer : IAsyncDisposable
{
    /// <summary>The host's end of the link.</summary>
    public const string HostAddress = "10.213.251.1";
    public const string HostAddressV6 = "fd00:213::1";
    private const string ContainerAddress = "10.213.251.2";
    private const string ContainerAddressV6 = "fd00:213::2";

    private readonly ScratchDirectory _directory = new();
    private readonly List<Process> _listeners = [];
    private readonly string _host;
    private readonly string _container;
    private readonly string _link;
    private string _hostMac = "";

    private HostAndContainer()
    {
        _link = $"hs{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}";
        _host = $"{_link}-host";
        _container = $"{_link}-container";
    }

    /// <summary>Why there can be none on this machine, or null.</summary>
    public static string? SkipReason { get; } = FindObstacle();

    /// <summary>A shell whose programs see the host's network.</summary>
    public string HostShell { get; private set; } = "";

    public static async Task<HostAndContainer> CreateAsync()
    {
        var both = new HostAndContainer();
        try
        {
            await both.MakeAsync();
            return both;
        }
        catch
        {
            await both.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a program on the host; its standard output.</summary>
    public Task<string> OnHostAsync(string program, params string[] arguments) =>
        RunAsync("ip", ["netns", "exec", _host, program, .. arguments]);

    /// <summary>Something on the host that listens on this address only; its port.</summary>
    public async Task<int> ListenAsync(string address)
    {
        const string Listener = """
            import socket, sys
            address = sys.argv[1]
            server = socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
            print(server.getsockname()[1], flush=True)
            sys.stdin.read()
            """;
        var listener = Start("ip", ["netns", "exec", _host, "python3", "-c", Listener, address]);
        _listeners.Add(listener);
        var port = await listener.StandardOutput.ReadLineAsync();
        return port is null ? throw new InvalidOperationException(await listener.StandardError.ReadToEndAsync()) : int.Parse(port);
    }

    /// <summary>The container sends a TCP SYN in a frame to the host; whether the host accepts the connection.</summary>
    /// <param name="source">What the packet claims to come from; the container's own address where it is left out.</param>
    public async Task<bool> IsAnsweredAsync(string target, int port, string? source = null)
    {
        var v6 = target.Contains(':', StringComparison.Ordinal);
        var own = v6 ? ContainerAddressV6 : ContainerAddress;
        string[] arguments = [_link, _hostMac, source ?? own, target, $"{port}", own, v6 ? HostAddressV6 : HostAddress];
        return await RunAsync("ip", ["netns", "exec", _container, "python3", Probe(), .. arguments]) switch
        {
            "answered\n" => true,
            "silent\n" => false,
            var other => throw new InvalidOperationException(other),
        };
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var listener in _listeners)
        {
            listener.StandardInput.Close();
            await listener.WaitForExitAsync();
            listener.Dispose();
        }

        foreach (var name in new[] { _host, _container })
        {
            if (File.Exists($"/run/netns/{name}"))
            {
                await RunAsync("ip", ["netns", "delete", name]);
            }
        }

        _directory.Dispose();
    }

    private static string? FindObstacle()
    {
        if (Needs.FirstMissing(["ip", "iptables", "python3", "unshare"]) is { } missing)
        {
            return $"{missing} is missing: run 'make test', which installs what the tests need";
        }

        // As "ip netns" does it, and with the table that the rules are in.
        using var tried = Start("unshare", ["--mount", "--net", "iptables", "-w", "-t", "raw", "-S"]);
        tried.WaitForExit();
        return tried.ExitCode == 0
            ? null
            : "cannot make a network namespace with a raw table, which takes root and a kernel that has it: "
                + $"{tried.StandardError.ReadToEnd().Trim()}";
    }

    private static string Probe([CallerFilePath] string thisFile = "") => Path.Combine(Path.GetDirectoryName(thisFile)!, "probe.py");

    private async Task MakeAsync()
    {
        await RunAsync("ip", ["netns", "add", _host]);
        await RunAsync("ip", ["netns", "add", _container]);

        // Both ends have the link's name; each namespace has one of them.
        await RunAsync("ip", ["link", "add", "name", _link, "netns", _host, "type", "veth", "peer", "name", _link, "netns", _container]);
        await RunAsync("ip", ["-n", _host, "link", "set", "lo", "up"]);
        var containerMac = await UpAsync(_container, ContainerAddress, ContainerAddressV6);
        _hostMac = await UpAsync(_host, HostAddress, HostAddressV6);
        await OnHostAsync("sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet");

        // The host knows the container, as it does any that has sent something before.
        await RunAsync("ip", ["-n", _host, "neighbour", "add", ContainerAddress, "lladdr", containerMac, "dev", _link]);
        if (File.Exists("/proc/net/if_inet6"))
        {
            await RunAsync("ip", ["-n", _host, "neighbour", "add", ContainerAddressV6, "lladdr", containerMac, "dev", _link]);
        }

        HostShell = _directory["host-shell"];
        ExecutableFile.WriteScript(HostShell, $"PATH=$PATH:/usr/sbin:/sbin exec ip netns exec {_host} sh \"$@\"");
    }

    /// <summary>The MAC of this end.</summary>
    private async Task<string> UpAsync(string name, string address, string addressV6)
    {
        await RunAsync("ip", ["-n", name, "address", "add", $"{address}/24", "dev", _link]);
        if (File.Exists("/proc/net/if_inet6"))
        {
            await RunAsync("ip", ["-n", name, "address", "add", $"{addressV6}/64", "dev", _link, "nodad"]);
        }

        await RunAsync("ip", ["-n", name, "link", "set", _link, "up"]);
        return (await RunAsync("ip", ["netns", "exec", name, "cat", $"/sys/class/net/{_link}/address"])).Trim();
    }

    private static async Task<string> RunAsync(string program, string[] arguments)
    {
        using var process = Start(program, arguments);
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {await errors}");
    }

    private static Process Start(string program, string[] arguments)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", "PATH=$PATH:/usr/sbin:/sbin exec \"$0\" \"$@\"", program, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }
}

/// <summary>A test that needs network namespaces; skipped with a reason where there can be none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NamespaceFactAttribute : FactAttribute
{
    public NamespaceFactAttribute(params string[] needs) =>
        Skip = HostAndContainer.SkipReason ?? Needs.SkipReason(needs);
}

/// <summary>As <see cref="NamespaceFactAttribute"/>, for a theory.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NamespaceTheoryAttribute : TheoryAttribute
{
    public NamespaceTheoryAttribute() => Skip = HostAndContainer.SkipReason;
}
