using System.Diagnostics;
using System.Net.NetworkInformation;
using System.Security.Cryptography;

namespace HostService.Tests.Support;

/// <summary>
/// A Docker engine of this test run's own: socket, data and containerd in a temporary directory, a bridge of its own, no firewall rules. It
/// lives beside any other engine, can be killed and started again, ends when the test process does, and leaves nothing behind when it is disposed of.
/// </summary>
public sealed class DockerDaemon : IAsyncDisposable
{
    // dockerd in the background; its standard input is our hold on it: when that closes, for whatever reason, it is told to end.
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

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private readonly ScratchDirectory _directory = new();
    private readonly string _bridge = $"hs{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}";
    private readonly Queue<string> _lastWords = new();
    private Process? _keeper;
    private int _pid;

    private DockerDaemon() => Endpoint = new Uri($"unix://{_directory["engine.sock"]}");

    /// <summary>Why there can be none on this machine, or null.</summary>
    public static string? WhyNot { get; } = FindObstacle();

    public Uri Endpoint { get; }

    /// <summary>A new engine, ready for calls, without images.</summary>
    public static async Task<DockerDaemon> StartNewAsync()
    {
        var daemon = new DockerDaemon();
        try
        {
            await RunAsync("ip", "link", "add", "name", daemon._bridge, "type", "bridge");
            await RunAsync("ip", "address", "add", FreeSubnet(), "dev", daemon._bridge);
            await RunAsync("ip", "link", "set", daemon._bridge, "up");
            await daemon.StartAsync();
            return daemon;
        }
        catch
        {
            await daemon.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it, anew after a kill; ends once it takes calls.</summary>
    public async Task StartAsync()
    {
        ForgetTheDead();
        var start = new ProcessStartInfo("/bin/sh")
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string[] arguments =
        [
            "-c", Keeper, "keeper",
            "--host", Endpoint.ToString(), "--data-root", _directory["data"], "--exec-root", _directory["exec"], "--pidfile", _directory["pid"],
            "--bridge", _bridge, "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--shutdown-timeout", "5", "--group", "root",
        ];
        Array.ForEach(arguments, start.ArgumentList.Add);
        start.Environment["PATH"] = $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin:/sbin";
        _keeper = Process.Start(start)!;
        _pid = int.Parse((await _keeper.StandardOutput.ReadLineAsync())!);

        using var limit = new CancellationTokenSource(Patience);
        while (await ReadLogAsync(limit.Token) is { } line)
        {
            if (line.Contains("API listen on", StringComparison.Ordinal))
            {
                // Read on, or the pipe fills up and the engine stands still.
                _ = DrainAsync();
                return;
            }
        }

        throw new InvalidOperationException($"dockerd did not start:\n{string.Join('\n', _lastWords)}");
    }

    /// <summary>As a crash: at once, and nothing is tidied up. Ends once it is dead.</summary>
    public async Task KillAsync()
    {
        using (var engine = Process.GetProcessById(_pid))
        {
            engine.Kill();
        }

        await EndedAsync();
    }

    /// <summary>As an operator would: it ends its containers first.</summary>
    public async Task StopAsync()
    {
        _keeper!.StandardInput.Close();
        await EndedAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_pid != 0)
        {
            // Only an engine can end containers properly, those of its dead predecessor, too.
            if (_keeper is null)
            {
                await StartAsync();
            }

            await StopAsync();
        }

        KillStragglers();
        await UnmountAsync();
        await RunAsync("ip", "link", "delete", _bridge);
        _directory.Dispose();
    }

    private static string? FindObstacle() => Needs.FirstMissing(["dockerd", "containerd", "ip", "umount", "/bin/busybox", "curl"]) is { } missing
        ? $"no engine answers and none can be started: {missing} is missing; run 'make test', which installs what the tests need"
        : Environment.IsPrivilegedProcess && MayMountAndBridge() ? null : "no engine answers, and only root, with the right to mount and to make bridges, can start one";

    /// <summary>Root of a container is root by name only: CAP_NET_ADMIN is bit 12, CAP_SYS_ADMIN bit 21.</summary>
    private static bool MayMountAndBridge()
    {
        const ulong Needed = (1UL << 12) | (1UL << 21);
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("CapEff:", StringComparison.Ordinal));
        return (Convert.ToUInt64(line["CapEff:".Length..].Trim(), 16) & Needed) == Needed;
    }

    private static string FreeSubnet()
    {
        var taken = NetworkInterface.GetAllNetworkInterfaces()
            .SelectMany(i => i.GetIPProperties().UnicastAddresses)
            .Select(a => a.Address.ToString())
            .ToArray();
        var third = Enumerable.Range(0, 250).OrderBy(_ => RandomNumberGenerator.GetInt32(int.MaxValue))
            .First(n => !taken.Any(a => a.StartsWith($"10.213.{n}.", StringComparison.Ordinal)));
        return $"10.213.{third}.1/24";
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "PATH=$PATH:/usr/sbin:/sbin exec \"$0\" \"$@\"", program, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
        })!;
        var words = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {words}");
        }
    }

    /// <summary>
    /// A killed engine leaves the numbers of its processes behind. Where nobody has buried them yet, or a number was taken again, the next engine would
    /// refuse to start, or wait for a containerd that is dead.
    /// </summary>
    private void ForgetTheDead()
    {
        var containerd = _directory["exec/containerd/containerd.pid"];
        if (File.Exists(containerd) && CommandLine(int.Parse(File.ReadAllText(containerd))).Contains(_directory.Path, StringComparison.Ordinal))
        {
            using var alive = Process.GetProcessById(int.Parse(File.ReadAllText(containerd)));
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
        await _keeper!.WaitForExitAsync().WaitAsync(Patience);
        _keeper.Dispose();
        _keeper = null;
    }

    private async Task<string?> ReadLogAsync(CancellationToken cancellationToken)
    {
        var line = await _keeper!.StandardError.ReadLineAsync(cancellationToken);
        if (line is not null)
        {
            _lastWords.Enqueue(line);
            if (_lastWords.Count > 20)
            {
                _lastWords.Dequeue();
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
                // Nobody looks at it.
            }
        }
        catch (ObjectDisposedException)
        {
            // The engine has ended.
        }
    }

    /// <summary>containerd and its shims outlive an engine that was killed; they are known by our directory on their command line.</summary>
    private void KillStragglers()
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
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
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
            await RunAsync("umount", "--lazy", mount);
        }
    }
}
