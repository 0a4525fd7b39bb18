using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace HostService.Tests.Support;

/// <summary>
/// The service as its users run it: the process <c>host-service</c>, in LOCALDEV, with directories, name and ports of its own. It ends when the test process
/// does.
/// </summary>
public sealed partial class ServiceProcess : IAsyncDisposable
{
    /// <summary>What the backend sends in place of a token.</summary>
    public const string Secret = "a secret for this test only";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    // The service in the background; its number first, then whatever it says. Standard input is our hold on it: when that closes, it is told to end.
    private const string Keeper = """
        exec 3<&0
        "$0" "$@" </dev/null 3<&- &
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
    }

    public ServiceSettings Settings { get; }

    /// <summary>Of the service itself.</summary>
    public int Pid { get; }

    /// <summary>Standard output: the ready line and nothing else.</summary>
    public ProcessLines Output { get; } = new();

    /// <summary>Standard error.</summary>
    public ProcessLines Log { get; } = new();

    /// <summary>As it named itself when it was ready.</summary>
    public string ReadyLine { get; private set; } = "";

    public Uri Address { get; private set; } = new("https://127.0.0.1");

    /// <summary>Keeps connections, and takes the service's own certificate.</summary>
    public HttpClient Http => _http ??= NewClient(Address);

    /// <summary>Completes with the exit code; 137 when it was killed.</summary>
    public Task<int> Exited => ExitAsync();

    /// <summary>Starts it and waits until it is ready.</summary>
    public static async Task<ServiceProcess> StartAsync(ServiceSettings settings)
    {
        var service = await LaunchAsync(settings);
        try
        {
            service.ReadyLine = await service.Output.LineAsync("host-service ready on ").WaitAsync(Patience);
        }
        catch (Exception error)
        {
            await service.DisposeAsync();
            throw new InvalidOperationException($"the service did not become ready:\n{service.Log.Text}", error);
        }

        service.Address = new Uri($"https://127.0.0.1:{PortOf().Match(service.ReadyLine).Groups["port"].Value}");
        return service;
    }

    /// <summary>Starts it and waits for nothing.</summary>
    /// <param name="command">What of it is started.</param>
    public static async Task<ServiceProcess> LaunchAsync(ServiceSettings settings, string command = "run")
    {
        var (keeper, pid) = await LaunchAsync([command], settings.Environment);
        return new ServiceProcess(settings, keeper, pid);
    }

    /// <summary>Runs a command of <c>host-service</c> to its end.</summary>
    public static async Task<(int ExitCode, string Output, string Errors)> CommandAsync(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var (keeper, pid) = await LaunchAsync(arguments, environment);
        await using var command = new ServiceProcess(new ServiceSettings(environment), keeper, pid);
        var code = await command.Exited.WaitAsync(Patience);
        return (code, command.Output.Text, command.Log.Text);
    }

    /// <summary>As an operator or systemd ends it: TERM, and all the time that it needs. Returns the exit code.</summary>
    public Task<int> EndAsync()
    {
        _keeper.StandardInput.Close();
        return Exited.WaitAsync(Patience);
    }

    /// <summary>As a crash: at once, and nothing is tidied up. Ends once it is dead.</summary>
    public async Task KillAsync()
    {
        using (var service = Process.GetProcessById(Pid))
        {
            service.Kill();
        }

        await Exited.WaitAsync(Patience);
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
                // It hangs: what it holds is lost, but the tests that follow are not to suffer.
                await KillAsync();
            }
        }

        await _reading;
        _keeper.Dispose();
    }

    /// <summary>A client that takes a certificate that nobody vouches for.</summary>
    public static HttpClient NewClient(Uri address)
    {
        var handler = new SocketsHttpHandler { UseProxy = false };
#pragma warning disable CA5359 // The service's own certificate is self-signed and new at each start; on loopback there is nobody in between.
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        return new HttpClient(handler) { BaseAddress = address, Timeout = TimeSpan.FromMinutes(3) };
    }

    private static async Task<(Process Keeper, int Pid)> LaunchAsync(string[] arguments, IReadOnlyDictionary<string, string> environment)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "host-service");
        var start = new ProcessStartInfo("/bin/sh", ["-c", Keeper, program, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // Nothing of the developer's own settings reaches it.
        foreach (var name in start.Environment.Keys.Where(k => k.Contains("__", StringComparison.Ordinal) || k is "APP_ENV" or "DATABASE_URL" or "NOTIFY_SOCKET").ToList())
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

    private async Task<int> ExitAsync()
    {
        await _keeper.WaitForExitAsync();
        await _reading;
        return _keeper.ExitCode;
    }

    [GeneratedRegex(@"https://[^ ]+:(?<port>\d+) ", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex PortOf();
}

/// <summary>The environment that a service runs in.</summary>
public sealed record ServiceSettings(IReadOnlyDictionary<string, string> Environment)
{
    public string Root => Environment["Host__Root"];

    public string PrivateRoot => Environment["Host__PrivateRoot"];

    public string CloudStorageRoot => Environment["Host__CloudStorageRoot"];

    /// <summary>The host label of its containers.</summary>
    public string InstanceName => Environment["Host__InstanceName"];

    /// <summary>A developer's service below a directory of the test's, on reserved ports.</summary>
    public static ServiceSettings Local(Uri engine, ScratchDirectory directory) => new(new Dictionary<string, string>
    {
        ["APP_ENV"] = "LOCALDEV",
        ["Host__ManageSystem"] = "false",
        ["Host__Root"] = directory["fractal"],
        ["Host__PrivateRoot"] = directory["fractalprivate"],
        ["Host__CloudStorageRoot"] = directory["fractalCloudStorage"],
        ["Host__InstanceName"] = $"test-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6))}",
        ["Gateway__Port"] = "0",
        ["Orleans__SiloPort"] = TestPorts.Reserve().ToString(),
        ["Orleans__GatewayPort"] = TestPorts.Reserve().ToString(),
        ["Docker__Endpoint"] = engine.ToString(),
        ["Auth__SharedSecret"] = ServiceProcess.Secret,
    });

    public ServiceSettings With(params (string Key, string Value)[] more)
    {
        var all = new Dictionary<string, string>(Environment);
        foreach (var (key, value) in more)
        {
            all[key] = value;
        }

        return new ServiceSettings(all);
    }
}
