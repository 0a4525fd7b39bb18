using System.Diagnostics;
using System.Threading.Channels;
using HostService.Tests.Support;

namespace HostService.Tests.Vm;

/// <summary>
/// The machine under test: booted once, with the host service installed by <c>deploy/install.sh</c> and the demo image built. Everything in it is
/// done over ssh. It ends with the test process, however that ends.
/// </summary>
public sealed class Machine : IAsyncLifetime
{
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(4);

    private readonly DirectoryInfo _share = Directory.CreateTempSubdirectory("host-service-vm");
    private readonly Channel<string> _console = Channel.CreateUnbounded<string>();
    private readonly int _port = TestPorts.Reserve();
    private Process? _vm;
    private Process? _connection;

    public async Task InitializeAsync()
    {
        // Nothing of this where every test is skipped.
        if (new VmFactAttribute().Skip is not null)
            return;
        var image = (await Commands.RunAsync(TimeSpan.FromMinutes(10), "", Here("image/build.sh"), Path.Combine(Repository.Root, ".cache", "vm")))
            .Must("making the VM's image");
        await FillShareAsync();
        await BootAsync(image);
        await ConnectAsync();
        (await RunAsync("/share/deploy/install.sh install && /share/mandelboxes/demo/build.sh", TimeSpan.FromMinutes(5))).Must("installing");
        await RunAsync("cat >>/etc/host-service/environment", TimeSpan.FromSeconds(20), "Ec2__UseMetadata=true\nHost__CpuOnlySlots=4\nEcs__Enabled=true\n");
    }

    /// <summary>Runs a shell script inside, as root.</summary>
    internal Task<Ended> RunAsync(string script, TimeSpan? deadline = null, string input = "") =>
        Commands.RunAsync(deadline ?? TimeSpan.FromMinutes(1), input, "ssh", [.. Ssh, "vm", script]);

    /// <summary>Runs a shell script inside that has to succeed, and gives its output.</summary>
    internal async Task<string> MustAsync(string script, TimeSpan? deadline = null, string input = "") => (await RunAsync(script, deadline, input)).Must(script);

    public async Task DisposeAsync()
    {
        await EndAsync(_connection);
        await EndAsync(_vm);
        _share.Delete(recursive: true);
    }

    private IEnumerable<string> Ssh =>
    [
        "-i", InShare("key"), "-p", _port.ToString(), "-l", "root", "-S", InShare("connection"),
        "-o", "HostName=127.0.0.1", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes",
    ];

    private static string Here(string name) => Path.Combine(Repository.Root, "tests", "Vm", name);

    private static async Task EndAsync(Process? process)
    {
        if (process is null)
            return;
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private string InShare(string name) => Path.Combine(_share.FullName, name);

    /// <summary>What an operator would have: the binary, deploy/, and the demo's folder.</summary>
    private async Task FillShareAsync()
    {
        Directory.CreateDirectory(InShare("build"));
        (await Commands.RunAsync(TimeSpan.FromMinutes(1), "", "cp", "-a",
            Path.Combine(Repository.Root, "deploy"), Path.Combine(Repository.Root, "mandelboxes"), _share.FullName)).Must("copying deploy/");
        File.Copy(Repository.Binary, Path.Combine(InShare("build"), "host-service"));
        (await Commands.RunAsync(TimeSpan.FromSeconds(30), "", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", InShare("key"))).Must("making a key");
        File.Copy(InShare("key.pub"), InShare("authorized_keys"));
    }

    private async Task BootAsync(string image)
    {
        _vm = Start(Here("boot.sh"), [image, _share.FullName, _port.ToString()], line => _console.Writer.TryWrite(line));
        _ = _vm.WaitForExitAsync().ContinueWith(_ => _console.Writer.TryComplete(), TaskScheduler.Default);
        var last = new Queue<string>();
        using var limit = new CancellationTokenSource(BootLimit);
        try
        {
            await foreach (var line in _console.Reader.ReadAllAsync(limit.Token))
            {
                if (line.Contains("the VM is ready", StringComparison.Ordinal))
                    return;
                last.Enqueue(line);
                if (last.Count > 40)
                    last.Dequeue();
            }
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"the VM was not up after {BootLimit}; the end of its console:\n{string.Join('\n', last)}", e);
        }

        throw new InvalidOperationException($"the VM ended while booting; the end of its console:\n{string.Join('\n', last)}");
    }

    /// <summary>One connection that all commands share: a handshake in an emulated machine takes a second.</summary>
    private async Task ConnectAsync()
    {
        var connected = new TaskCompletionSource();
        _connection = Start("ssh", [.. Ssh, "-M", "-o", "PermitLocalCommand=yes", "-o", "LocalCommand=echo connected", "vm", "cat"], line =>
        {
            if (line == "connected")
                connected.TrySetResult();
        });
        _ = _connection.WaitForExitAsync().ContinueWith(_ => connected.TrySetException(new InvalidOperationException("ssh into the VM ended")), TaskScheduler.Default);
        await connected.Task.WaitAsync(TimeSpan.FromMinutes(1));
    }

    private static Process Start(string program, IEnumerable<string> arguments, Action<string> line)
    {
        var process = new Process
        {
            StartInfo = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false },
        };
        process.OutputDataReceived += (_, e) => line(e.Data ?? "");
        process.ErrorDataReceived += (_, e) => line(e.Data ?? "");
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }
}
