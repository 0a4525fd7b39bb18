using System.Diagnostics;
using System.Net.NetworkInformation;
using System.Security.Cryptography;

namespace HostService.Tests.Support;

/// <summary>
/// A Docker engine for tests: socket, data and containerd in a temporary directory, its own bridge, no firewall rules. It does not disturb
/// other engines, can be killed and started again, ends when the test process ends, and leaves nothing behind when it is disposed.
/// </summary>
public sealed class DockerDaemon : IAsyncDisposable
{
    // Runs dockerd in the background and prints its process id. When our end of standard input closes, for whatever reason, dockerd gets
    // SIGTERM.
    private const string Keeper = """
        exec 3<&0
        dockerd "$@" </dev/null 3<&- &
        engine=$!
        echo $engine
        { read -r _ <&3; kill -TERM $engine; } 2>/dev/null &
        keeper=$!
        wait $engine
        kill $keeper 2>/dev/null
        """;

    private static readonly TimeSpan WaitTimeout = TimeSpan.FromSeconds(90);
    private readonly ScratchDirectory _directory = new();
    private readonly string _bridge = $"hs{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}";
    private readonly Queue<string> _lastLines = new();
    private readonly NetworkNamespace? _network;
    private Process? _keeper;
    private int _pid;

    private DockerDaemon(NetworkNamespace? network) => (_network, Endpoint) = (network, new Uri($"unix://{_directory["engine.sock"]}"));

    /// <summary>Why no engine can be started on this machine, or null.</summary>
    public static string? SkipReason { get; } = FindObstacle();

    public Uri Endpoint { get; }

    /// <summary>Starts a new engine without images; returns once it takes calls.</summary>
    /// <param name="network">Where its containers and their ports are; null for this machine's own network.</param>
    public static async Task<DockerDaemon> StartNewAsync(NetworkNamespace? network = null)
    {
        var daemon = new DockerDaemon(network);
        try
        {
            await Command.RunAsync(daemon.InNetwork("ip", "link", "add", "name", daemon._bridge, "type", "bridge"));
            await Command.RunAsync(daemon.InNetwork("ip", "address", "add", UnusedSubnet(), "dev", daemon._bridge));
            await Command.RunAsync(daemon.InNetwork("ip", "link", "set", daemon._bridge, "up"));
            await daemon.StartAsync();
            return daemon;
        }
        catch
        {
            await daemon.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it, also after <see cref="KillAsync"/>; returns once it takes calls.</summary>
    public async Task StartAsync()
    {
        RemoveStalePidFiles();
        string[] command =
        [
            .. InNetwork("/bin/sh"), "-c", Keeper, "keeper",
            "--host", Endpoint.ToString(),
            "--data-root", _directory["data"], "--exec-root", _directory["exec"], "--pidfile", _directory["pid"],
            "--bridge", _bridge, "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--shutdown-timeout", "5", "--group", "root",
        ];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin:/sbin";
        _keeper = Process.Start(start)!;
        _pid = int.Parse((await _keeper.StandardOutput.ReadLineAsync())!);

        using var limit = new CancellationTokenSource(WaitTimeout);
        while (await ReadLogAsync(limit.Token) is { } line)
        {
            if (line.Contains("API listen on", StringComparison.Ordinal))
            {
                // Keep reading, or the pipe fills up and dockerd blocks.
                _ = DrainAsync();
                return;
            }
        }

        throw new InvalidOperationException($"dockerd did not start:\n{string.Join('\n', _lastLines)}");
    }

    /// <summary>Kills it, as a crash does; returns once it is dead.</summary>
    public async Task KillAsync()
    {
        using (var engine = Process.GetProcessById(_pid))
        {
            engine.Kill();
        }

        await EndedAsync();
    }

    /// <summary>It takes calls and answers none, until <see cref="ResumeAsync"/>.</summary>
    public Task PauseAsync() => Command.RunAsync("kill", "-STOP", $"{_pid}");

    public Task ResumeAsync() => Command.RunAsync("kill", "-CONT", $"{_pid}");

    /// <summary>Stops it; it stops its containers first.</summary>
    public async Task StopAsync()
    {
        _keeper!.StandardInput.Close();
        await EndedAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_pid != 0)
        {
            // Only an engine can end containers properly, including those of an engine that was killed.
            if (_keeper is null)
            {
                await StartAsync();
            }

            await StopAsync();
        }

        KillLeftOverProcesses();
        await UnmountAsync();
        await Command.RunAsync(InNetwork("ip", "link", "delete", _bridge));
        _directory.Dispose();
    }

    private static string? FindObstacle() =>
        Needs.FirstMissing(["dockerd", "containerd", "ip", "umount", "/bin/busybox", "curl"]) is { } missing
        ? $"no engine answers and none can be started: {missing} is missing; make test installs it"
        : Environment.IsPrivilegedProcess && MayMountAndBridge()
            ? null
            : "no engine answers, and only root with CAP_SYS_ADMIN and CAP_NET_ADMIN can start one";

    /// <summary>Root in a container may lack capabilities: CAP_NET_ADMIN is bit 12, CAP_SYS_ADMIN bit 21.</summary>
    private static bool MayMountAndBridge()
    {
        const ulong Needed = (1UL << 12) | (1UL << 21);
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("CapEff:", StringComparison.Ordinal));
        return (Convert.ToUInt64(line["CapEff:".Length..].Trim(), 16) & Needed) == Needed;
    }

    private static string UnusedSubnet()
    {
        var taken = NetworkInterface.GetAllNetworkInterfaces()
            .SelectMany(i => i.GetIPProperties().UnicastAddresses)
            .Select(a => a.Address.ToString())
            .ToArray();
        var third = Enumerable.Range(0, 250).OrderBy(_ => RandomNumberGenerator.GetInt32(int.MaxValue))
            .First(n => !taken.Any(a => a.StartsWith($"10.213.{n}.", StringComparison.Ordinal)));
        return $"10.213.{third}.1/24";
    }

    private string[] InNetwork(params string[] command) => _network?.Enter(command) ?? command;

    /// <summary>
    /// An engine that was killed leaves its pid files behind. If such a process is a zombie, or its number was reused, the next engine
    /// refuses to start, or waits for a dead containerd.
    /// </summary>
    private void RemoveStalePidFiles()
    {
        var containerd = _directory["exec/containerd/containerd.pid"];
        if (File.Exists(containerd) && int.Parse(File.ReadAllText(containerd)) is var pid
            && CommandLine(pid).Contains(_directory.Path, StringComparison.Ordinal))
        {
            using var alive = Process.GetProcessById(pid);
            alive.Kill();
        }

        File.Delete(_directory["pid"]);
        if (File.Exists(containerd))
        {
            File.Delete(containerd);
        }
    }

    private async Task EndedAsync()
    {
        await _keeper!.WaitForExitAsync().WaitAsync(WaitTimeout);
        _keeper.Dispose();
        _keeper = null;
    }

    private async Task<string?> ReadLogAsync(CancellationToken cancellationToken)
    {
        var line = await _keeper!.StandardError.ReadLineAsync(cancellationToken);
        if (line is not null)
        {
            _lastLines.Enqueue(line);
            if (_lastLines.Count > 20)
            {
                _lastLines.Dequeue();
            }
        }

        return line;
    }

    private async Task DrainAsync()
    {
        var log = _keeper!.StandardError;
        var buffer = new char[4096];
        try
        {
            while (await log.ReadAsync(buffer) > 0)
            {
                // The log after the start is not used.
            }
        }
        catch (ObjectDisposedException)
        {
            // The engine has ended.
        }
    }

    /// <summary>containerd and its shims outlive an engine that was killed; our directory is on their command lines.</summary>
    private void KillLeftOverProcesses()
    {
        foreach (var process in Process.GetProcesses())
        {
            using (process)
            {
                if (CommandLine(process.Id).Contains(_directory.Path, StringComparison.Ordinal))
                {
                    process.Kill();
                    process.WaitForExit(TimeSpan.FromSeconds(10));
                }
            }
        }
    }

    private static string CommandLine(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private async Task UnmountAsync()
    {
        var mounts = File.ReadLines("/proc/self/mountinfo")
            .Select(line => line.Split(' ')[4])
            .Where(point => point.StartsWith(_directory.Path + "/", StringComparison.Ordinal))
            .Reverse()
            .ToArray();
        foreach (var mount in mounts)
        {
            await Command.RunAsync("umount", "--lazy", mount);
        }
    }
}
