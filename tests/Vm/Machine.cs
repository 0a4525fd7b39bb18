using System.Diagnostics;
using System.Threading.Channels;
using HostService.Tests.Support;

namespace HostService.Tests.Vm;

/// <summary>
/// The VM under test: booted once for a class, with the host service installed by <c>deploy/install.sh</c> and the images of demo and
/// sandbox built. Tests run their commands in it over ssh. It ends when the test process ends, for whatever reason.
/// </summary>
public class Machine : IAsyncLifetime
{
    private static readonly TimeSpan BootTimeout = TimeSpan.FromMinutes(4);

    private readonly DirectoryInfo _share = Directory.CreateTempSubdirectory("host-service-vm");
    private readonly Channel<string> _console = Channel.CreateUnbounded<string>();
    private readonly int _port = TestPorts.Reserve();
    private Process? _vm;
    private Process? _connection;

    public async Task InitializeAsync()
    {
        if (new VmFactAttribute().Skip is not null)
        {
            return;
        }

        var cache = Path.Combine(Repository.Root, ".cache", "vm");
        var image = (await Commands.RunAsync(TimeSpan.FromMinutes(10), "", Here("image/build.sh"), cache))
            .OutputOf("making the VM's image");
        await FillShareAsync();
        await BootAsync(image);
        await ConnectAsync();
        await MustAsync("/share/mandelboxes/demo/build.sh && /share/mandelboxes/sandbox/build.sh", TimeSpan.FromMinutes(5));
        await InstallAsync();
    }

    private protected virtual async Task InstallAsync()
    {
        await MustAsync("/share/deploy/install.sh install", TimeSpan.FromMinutes(5));
        await ConfigureAsync();
    }

    internal Task ConfigureAsync()
    {
        const string Settings = "APP_ENV=LOCALDEV\nEc2__UseMetadata=true\nHost__CpuOnlySlots=4\nDisk__MinFreeBytes=16777216\nEcs__Enabled=true\n";
        return MustAsync("cat >>/etc/host-service/environment", TimeSpan.FromSeconds(20), Settings);
    }

    /// <summary>Runs a shell script in the VM, as root.</summary>
    internal Task<CommandResult> RunAsync(string script, TimeSpan? timeout = null, string input = "") =>
        Commands.RunAsync(timeout ?? TimeSpan.FromMinutes(1), input, "ssh", [.. Ssh, "vm", script]);

    /// <summary>Runs a shell script in the VM; returns its output, and throws when it fails.</summary>
    internal async Task<string> MustAsync(string script, TimeSpan? timeout = null, string input = "") =>
        (await RunAsync(script, timeout, input)).OutputOf(script);

    public async Task DisposeAsync()
    {
        await EndAsync(_connection);
        await EndAsync(_vm);
        _share.Delete(recursive: true);
    }

    private IEnumerable<string> Ssh =>
    [
        "-i", InShare("key"), "-p", _port.ToString(), "-l", "root", "-S", InShare("connection"),
        "-o", "HostName=127.0.0.1", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
        "-o", "LogLevel=ERROR", "-o", "BatchMode=yes",
    ];

    private static string Here(string name) => Path.Combine(Repository.Root, "tests", "Vm", name);

    private static async Task EndAsync(Process? process)
    {
        if (process is null)
        {
            return;
        }

        process.StandardInput.Close();
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private protected string InShare(string name) => Path.Combine(_share.FullName, name);

    /// <summary>What an operator has: the binary, deploy/ and mandelboxes/; and a new key for ssh.</summary>
    private protected virtual async Task FillShareAsync()
    {
        Directory.CreateDirectory(InShare("build"));
        string[] copy = ["-a", Path.Combine(Repository.Root, "deploy"), Path.Combine(Repository.Root, "mandelboxes"), _share.FullName];
        (await Commands.RunAsync(TimeSpan.FromMinutes(1), "", "cp", copy)).OutputOf("copying deploy/");
        File.Copy(Repository.Binary, Path.Combine(InShare("build"), "host-service"));
        (await Commands.RunAsync(TimeSpan.FromSeconds(30), "", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", InShare("key")))
            .OutputOf("making a key");
        File.Copy(InShare("key.pub"), InShare("authorized_keys"));
    }

    private async Task BootAsync(string image)
    {
        _vm = Start(Here("boot.sh"), [image, _share.FullName, _port.ToString()], line => _console.Writer.TryWrite(line));
        _ = _vm.WaitForExitAsync().ContinueWith(_ => _console.Writer.TryComplete(), TaskScheduler.Default);
        var last = new Queue<string>();
        using var limit = new CancellationTokenSource(BootTimeout);
        try
        {
            await foreach (var line in _console.Reader.ReadAllAsync(limit.Token))
            {
                if (line.Contains("the VM is ready", StringComparison.Ordinal))
                {
                    return;
                }

                last.Enqueue(line);
                if (last.Count > 40)
                {
                    last.Dequeue();
                }
            }
        }
        catch (OperationCanceledException exception)
        {
            throw new TimeoutException(
                $"the VM was not up after {BootTimeout}; the end of its console:\n{string.Join('\n', last)}", exception);
        }

        throw new InvalidOperationException($"the VM ended while booting; the end of its console:\n{string.Join('\n', last)}");
    }

    /// <summary>One connection for all commands: a handshake in an emulated machine takes a second.</summary>
    private async Task ConnectAsync()
    {
        var connected = new TaskCompletionSource();
        _connection = Start("ssh", [.. Ssh, "-M", "-o", "PermitLocalCommand=yes", "-o", "LocalCommand=echo connected", "vm", "cat"], line =>
        {
            if (line == "connected")
            {
                connected.TrySetResult();
            }
        });
        _ = _connection.WaitForExitAsync().ContinueWith(
            _ => connected.TrySetException(new InvalidOperationException("ssh into the VM ended")), TaskScheduler.Default);
        await connected.Task.WaitAsync(TimeSpan.FromMinutes(1));
    }

    private static Process Start(string program, IEnumerable<string> arguments, Action<string> line)
    {
        var process = new Process
        {
            StartInfo = new ProcessStartInfo(program, arguments)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            },
        };
        process.OutputDataReceived += (_, e) => line(e.Data ?? "");
        process.ErrorDataReceived += (_, e) => line(e.Data ?? "");
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }
}
