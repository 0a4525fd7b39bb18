using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace HostService.Tests.Support;

/// <summary>
/// The service as its users run it: the process <c>host-service</c>, with its own directories, instance name and ports. It ends when the
/// test process ends.
/// </summary>
public sealed partial class ServiceProcess : IAsyncDisposable
{
    /// <summary>The shared secret that the backend sends.</summary>
    public const string Secret = "a secret for this test only";

    private static readonly TimeSpan WaitTimeout = TimeSpan.FromSeconds(120);

    // Runs the service in the background and prints its process id, then its output. When our end of standard input closes, for whatever
    // reason, the service gets SIGTERM. A shell has what it runs in the background ignore INT and QUIT.
    private const string Keeper = """
        exec 3<&0
        env --default-signal=HUP,INT,QUIT "$0" "$@" </dev/null 3<&- &
        service=$!
        echo $service
        { read -r _ <&3; kill -TERM $service; } 2>/dev/null >&2 &
        keeper=$!
        wait $service
        code=$?
        kill $keeper 2>/dev/null
        exit $code
        """;

    private readonly Process _keeper;
    private readonly Task _reading;
    private HttpClient? _http;

    private ServiceProcess(ServiceSettings settings, Process keeper, int pid)
    {
        Settings = settings;
        _keeper = keeper;
        Pid = pid;
        _reading = Task.WhenAll(Output.ReadAsync(keeper.StandardOutput), Log.ReadAsync(keeper.StandardError));
        Exited = ExitAsync();
    }

    /// <summary>HOST_SERVICE names the installed binary, which starts faster than the one that was built with the tests.</summary>
    public static string Program { get; } = Environment.GetEnvironmentVariable("HOST_SERVICE") is { Length: > 0 } installed
        ? installed
        : Path.Combine(AppContext.BaseDirectory, "host-service");

    public ServiceSettings Settings { get; }

    /// <summary>The process id of the service.</summary>
    public int Pid { get; }

    /// <summary>Standard output: the ready line only.</summary>
    public ProcessLines Output { get; } = new();

    /// <summary>Standard error.</summary>
    public ProcessLines Log { get; } = new();

    /// <summary>The line that it wrote when it was ready.</summary>
    public string ReadyLine { get; private set; } = "";

    public Uri Address { get; private set; } = new("https://127.0.0.1");

    /// <summary>A client that accepts the service's self-signed certificate.</summary>
    public HttpClient Http => _http ??= NewClient(Address, Settings.Network);

    /// <summary>Completes with the exit code; 137 after SIGKILL.</summary>
    public Task<int> Exited { get; }

    /// <summary>Starts it; returns once it is ready.</summary>
    public static async Task<ServiceProcess> StartAsync(ServiceSettings settings)
    {
        var service = await LaunchAsync(settings);
        try
        {
            await service.ReadyAsync();
        }
        catch (Exception exception)
        {
            await service.DisposeAsync();
            throw new InvalidOperationException($"the service did not become ready:\n{service.Log.Text}", exception);
        }

        return service;
    }

    /// <summary>Waits until it is ready, and then knows its address.</summary>
    public async Task ReadyAsync()
    {
        ReadyLine = await Output.LineAsync("host-service ready on ").WaitAsync(WaitTimeout);
        Address = new Uri($"https://127.0.0.1:{PortOf().Match(ReadyLine).Groups["port"].Value}");
    }

    /// <summary>As many mandelboxes wait for users as are to.</summary>
    public async Task UntilWaitingAsync()
    {
        using var late = new CancellationTokenSource(WaitTimeout);
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while ((int)JsonNode.Parse(await Http.GetStringAsync("/v1/host"))!["waiting"]!["used"]! != 0)
        {
            await pace.WaitForNextTickAsync(late.Token);
        }
    }

    /// <summary>Starts it and returns at once.</summary>
    /// <param name="arguments">The command of <c>host-service</c>; none for <c>run</c>.</param>
    public static Task<ServiceProcess> LaunchAsync(ServiceSettings settings, params string[] arguments) =>
        LaunchProgramAsync(Program, settings, arguments is [] ? ["run"] : arguments);

    /// <summary>Starts something else that runs the service; returns at once.</summary>
    public static async Task<ServiceProcess> LaunchProgramAsync(string program, ServiceSettings settings, params string[] arguments)
    {
        var (keeper, pid) = await LaunchAsync([program, .. arguments], settings.Environment, settings.Network);
        return new ServiceProcess(settings, keeper, pid);
    }

    /// <summary>Begins a command of <c>host-service</c>.</summary>
    public static Task<ServiceProcess> BeginCommandAsync(IReadOnlyDictionary<string, string> environment, params string[] arguments) =>
        LaunchProgramAsync(Program, new ServiceSettings(environment), arguments);

    /// <summary>Runs a command of <c>host-service</c> to its end.</summary>
    public static async Task<(int ExitCode, string Output, string Errors)> CommandAsync(
        IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        await using var command = await BeginCommandAsync(environment, arguments);
        var code = await command.Exited.WaitAsync(WaitTimeout);
        return (code, command.Output.Text, command.Log.Text);
    }

    /// <summary>Ends it as systemd does: SIGTERM, then waits. Returns the exit code.</summary>
    public Task<int> EndAsync()
    {
        _keeper.StandardInput.Close();
        return Exited.WaitAsync(WaitTimeout);
    }

    /// <summary>Kills it, as a crash does; returns once it is dead, also when it has ended by itself.</summary>
    public async Task KillAsync()
    {
        if (Exited.IsCompleted)
        {
            return;
        }

        try
        {
            using var service = Process.GetProcessById(Pid);
            service.Kill();
        }
        catch (ArgumentException)
        {
            // It has ended.
        }

        await Exited.WaitAsync(WaitTimeout);
    }

    public async ValueTask DisposeAsync()
    {
        _http?.Dispose();
        if (!_keeper.HasExited)
        {
            try
            {
                await EndAsync();
            }
            catch (TimeoutException)
            {
                // It hangs. Kill it, so that the next tests can run.
                await KillAsync();
            }
        }

        await _reading;
        _keeper.Dispose();
    }

    /// <summary>A client that accepts any certificate.</summary>
    /// <param name="network">From where it connects to the IP address; null for this machine's own network.</param>
    public static HttpClient NewClient(Uri address, NetworkNamespace? network = null)
    {
        var handler = new SocketsHttpHandler { UseProxy = false };
        if (network is not null)
        {
            handler.ConnectCallback = async (context, cancellationToken) =>
            {
                var socket = network.NewSocket();
                try
                {
                    await socket.ConnectAsync(IPAddress.Parse(context.DnsEndPoint.Host), context.DnsEndPoint.Port, cancellationToken);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            };
        }

#pragma warning disable CA5359 // The service's certificate is self-signed and new at each start, and this is loopback.
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        return new HttpClient(handler) { BaseAddress = address, Timeout = TimeSpan.FromMinutes(3) };
    }

    private static async Task<(Process Keeper, int Pid)> LaunchAsync(
        string[] command, IReadOnlyDictionary<string, string> environment, NetworkNamespace? network = null)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", Keeper, .. network?.Enter(command) ?? command])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // The developer's own settings must not reach it.
        foreach (var name in start.Environment.Keys.Where(IsSetting).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var keeper = Process.Start(start)!;
        return (keeper, int.Parse((await keeper.StandardOutput.ReadLineAsync())!));
    }

    private static bool IsSetting(string name) =>
        name.Contains("__", StringComparison.Ordinal) || name is "APP_ENV" or "DATABASE_URL" or "NOTIFY_SOCKET";

    private async Task<int> ExitAsync()
    {
        await _keeper.WaitForExitAsync();
        await _reading;
        return _keeper.ExitCode;
    }

    [GeneratedRegex(@"https://[^ ]+:(?<port>\d+) ", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex PortOf();
}

/// <summary>The environment variables of a service.</summary>
public sealed record ServiceSettings(IReadOnlyDictionary<string, string> Environment)
{
    /// <summary>Where it runs; null for this machine's own network.</summary>
    public NetworkNamespace? Network { get; init; }

    public string Root => Environment["Host__Root"];

    public string PrivateRoot => Environment["Host__PrivateRoot"];

    public string CloudStorageRoot => Environment["Host__CloudStorageRoot"];

    /// <summary>Where the records of running mandelboxes are.</summary>
    public string Records => Path.Combine(Environment["Host__RuntimeRoot"], Uri.EscapeDataString(Root.Trim('/')));

    /// <summary>Those that have gone, for the next run.</summary>
    public string EndedFile => $"{Records}.ended.jsonl";

    /// <summary>Also the host label of its containers.</summary>
    public string InstanceName => Environment["Host__InstanceName"];

    /// <summary>LOCALDEV, with all files below this directory, on reserved ports.</summary>
    public static ServiceSettings Local(Uri engine, ScratchDirectory directory) => new(new Dictionary<string, string>
    {
        ["APP_ENV"] = "LOCALDEV",
        ["Host__ManageSystem"] = "false",
        ["Host__Root"] = directory["fractal"],
        ["Host__PrivateRoot"] = directory["fractalprivate"],
        ["Host__CloudStorageRoot"] = directory["fractalCloudStorage"],
        ["Host__RuntimeRoot"] = directory["run"],
        ["Host__InstanceName"] = $"test-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6))}",
        ["Gateway__Port"] = "0",
        ["Orleans__SiloPort"] = TestPorts.Reserve().ToString(),
        ["Orleans__GatewayPort"] = TestPorts.Reserve().ToString(),
        ["Docker__Endpoint"] = engine.ToString(),

        // Tests of containers look at those of mandelboxes only.
        ["Docker__SandboxPool"] = "0",
        ["Auth__SharedSecret"] = ServiceProcess.Secret,

        // Tests wait for the moves of mandelboxes.
        ["Logging__LogLevel__HostService"] = "Debug",
    });

    public ServiceSettings With(params (string Key, string Value)[] more)
    {
        var all = new Dictionary<string, string>(Environment);
        foreach (var (key, value) in more)
        {
            all[key] = value;
        }

        return this with { Environment = all };
    }
}
