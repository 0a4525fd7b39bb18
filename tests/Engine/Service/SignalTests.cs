using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>
/// Signals to the real process (B30). Its engine takes connections and never answers, which holds the start in the middle.
/// </summary>
public sealed partial class SignalTests : IDisposable
{
    private const int Hup = 1;
    private const int Interrupt = 2;
    private const int Quit = 3;
    private const int Term = 15;

    private static readonly TimeSpan WaitTimeout = TimeSpan.FromSeconds(60);
    private readonly ScratchDirectory _directory = new();
    private readonly Socket _engine = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public SignalTests()
    {
        _engine.Bind(new UnixDomainSocketEndPoint(_directory["engine.sock"]));
        _engine.Listen();
    }

    [Theory]
    [InlineData(Hup)]
    [InlineData(Interrupt)]
    [InlineData(Quit)]
    [InlineData(Term)]
    public async Task A_signal_ends_a_start_that_is_under_way_and_nothing_is_left(int signal)
    {
        using var service = Launch();
        using var connection = await _engine.AcceptAsync().WaitAsync(WaitTimeout);

        Assert.Equal(0, Send(service.Id, signal));

        Assert.Equal((0, ""), await ExitAsync(service));
        Assert.Equal(["engine.sock", "fractalCloudStorage"], Left().Order());
    }

    [Fact]
    public async Task A_signal_in_the_first_moment_of_the_process_is_a_clean_end()
    {
        using var service = Launch();
        var lines = DrainAsync(service);
        using var limit = new CancellationTokenSource(WaitTimeout);
        while (!Catches(service.Id, Hup))
        {
            // The runtime handles the other signals by itself from its first moment on; this one is handled once the service does.
            limit.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }

        Assert.Equal(0, Send(service.Id, Term));

        Assert.Equal((0, ""), await ExitAsync(service, lines));
        Assert.DoesNotContain("fractal", Left());
    }

    [Fact]
    public async Task Signals_that_go_on_until_the_process_has_ended_change_nothing()
    {
        using var service = Launch();
        using var connection = await _engine.AcceptAsync().WaitAsync(WaitTimeout);
        var exit = ExitAsync(service);

        // At a pace that leaves the service time for anything else.
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while (!service.HasExited && Send(service.Id, Term) == 0)
        {
            await pace.WaitForNextTickAsync();
        }

        Assert.Equal((0, ""), await exit);
    }

    public void Dispose()
    {
        _engine.Dispose();
        _directory.Dispose();
    }

    private static async Task<(int ExitCode, string Output)> ExitAsync(Process service, Task<string>? output = null)
    {
        output ??= DrainAsync(service);
        try
        {
            await service.WaitForExitAsync().WaitAsync(WaitTimeout);
        }
        catch (TimeoutException)
        {
            service.Kill();
            throw;
        }

        return (service.ExitCode, await output);
    }

    /// <summary>Standard output; standard error is read, too, so that it never blocks the service.</summary>
    private static async Task<string> DrainAsync(Process service)
    {
        var log = service.StandardError.ReadToEndAsync();
        var output = await service.StandardOutput.ReadToEndAsync();
        await log;
        return output;
    }

    private static bool Catches(int pid, int signal)
    {
        const string caught = "SigCgt:";
        var line = File.ReadLines($"/proc/{pid}/status").First(l => l.StartsWith(caught, StringComparison.Ordinal));
        var mask = ulong.Parse(line[caught.Length..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        return (mask & (1UL << (signal - 1))) != 0;
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Send(int pid, int signal);

    private IEnumerable<string?> Left() => Directory.GetFileSystemEntries(_directory.Path).Select(Path.GetFileName);

    private Process Launch()
    {
        // Not through a shell: it would have its background processes ignore INT and QUIT.
        var program = Path.Combine(AppContext.BaseDirectory, "host-service");
        var start = new ProcessStartInfo("env", ["--default-signal=HUP,INT,QUIT,TERM", program, "run"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in ServiceSettings.Local(new Uri($"unix://{_directory["engine.sock"]}"), _directory).Environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }
}
