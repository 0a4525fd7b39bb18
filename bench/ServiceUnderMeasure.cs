using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace HostService.Bench;

/// <summary>The service as a process of its own, in LOCALDEV, called over one kept HTTPS connection.</summary>
internal sealed class ServiceUnderMeasure : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _directory;
    private readonly HttpClient _http;

    private ServiceUnderMeasure(Process process, string directory, Uri address)
    {
        _process = process;
        _directory = directory;
        var handler = new SocketsHttpHandler { UseProxy = false };
#pragma warning disable CA5359 // Its own certificate is self-signed, and there is nobody in between on loopback.
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        _http = new HttpClient(handler) { BaseAddress = address };
    }

    /// <summary>HOST_SERVICE names the installed binary; without it the one that was built with this program runs.</summary>
    public static string Program { get; } =
        Environment.GetEnvironmentVariable("HOST_SERVICE") ?? Path.Combine(AppContext.BaseDirectory, "host-service");

    /// <summary>Where the real engine listens.</summary>
    public static Uri RealEngine { get; } =
        new(Environment.GetEnvironmentVariable("Docker__Endpoint") ?? "unix:///var/run/docker.sock");

    public string Root => Path.Combine(_directory, "fractal");

    /// <param name="isInMemory">
    /// Whether the mandelboxes' files are in memory, for what the service itself costs. On an old, full ext4 a new file took 700 µs of CPU
    /// time, on a new one 20.
    /// </param>
    public static Task<ServiceUnderMeasure> StartAsync(Uri engine, int sandboxes, int waiting = 0, bool isInMemory = false) =>
        StartAsync("run", isInMemory, [
            ("Docker__Endpoint", engine.ToString()),
            ("Docker__SandboxPool", $"{sandboxes}"),
            ("WarmPool__Apps__mandelboxes__demo", $"{waiting}"),
            ("Host__InstanceName", $"bench-{Environment.ProcessId}-{sandboxes}-{waiting}"),
        ]);

    /// <param name="command">Of <c>host-service</c>: one that goes on, and tells in a line that it is ready.</param>
    /// <param name="more">Settings; they come before those of every service.</param>
    public static async Task<ServiceUnderMeasure> StartAsync(string command, bool isInMemory, IEnumerable<(string Key, string Value)> more)
    {
        var directory = isInMemory
            ? Directory.CreateDirectory($"/dev/shm/hs-bench-{Guid.NewGuid():N}").FullName
            : Directory.CreateTempSubdirectory("hs-bench-").FullName;
        var start = new ProcessStartInfo(Program, command)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var settings = new Dictionary<string, string>
        {
            ["APP_ENV"] = "LOCALDEV",
            ["Gateway__Port"] = "0",
            ["Orleans__SiloPort"] = $"{FreePort()}",
            ["Host__ManageSystem"] = "false",
            ["Host__Root"] = Path.Combine(directory, "fractal"),
            // In memory, as /run is on a host.
            ["Host__RuntimeRoot"] = RuntimeRootOf(directory),
            ["Dashboard__Enabled"] = "false",
            ["Host__PrivateRoot"] = Path.Combine(directory, "private"),
            ["Host__CloudStorageRoot"] = Path.Combine(directory, "cloud"),
        };
        foreach (var (key, value) in settings.Select(setting => (setting.Key, setting.Value)).Concat(more))
        {
            start.Environment[key] = value;
        }

        var process = Process.Start(start)!;
        var log = new StringBuilder();
        process.ErrorDataReceived += (_, line) => log.AppendLine(line.Data);
        process.BeginErrorReadLine();
        var ready = await process.StandardOutput.ReadLineAsync();
        if (ready is null)
        {
            await process.WaitForExitAsync();
            throw new InvalidOperationException($"the service did not start:\n{log}");
        }

        // host-service [fleet] ready on https://<address>:<port> (…); a relay's line names the fleet.
        var port = ready.Split(' ').First(word => word.StartsWith("https://", StringComparison.Ordinal)).Split(':')[^1];
        return new ServiceUnderMeasure(process, directory, new Uri($"https://127.0.0.1:{port}"));
    }

    public Uri Address => _http.BaseAddress!;

    public Task SpinUpAsync(string id) => SpinUpAsync(HttpMethod.Put, "/spin_up_mandelbox", id);

    /// <summary>By the fleet that this is.</summary>
    public Task PlaceAsync(string id) => SpinUpAsync(HttpMethod.Post, "/v1/fleet/mandelboxes", id);

    /// <summary>The hosts of the fleet that this is, as JSON.</summary>
    public Task<string> HostsAsync() => _http.GetStringAsync("/v1/fleet/hosts");

    /// <summary>As a machine that fails.</summary>
    public void Kill() => _process.Kill();

    private async Task SpinUpAsync(HttpMethod method, string path, string id)
    {
        using var content = new StringContent(
            $$"""{"app_name":"mandelboxes/demo","config_encryption_token":"0123456789","jwt_access_token":"","mandelbox_id":"{{id}}","session_id":1}""");
        using var request = new HttpRequestMessage(method, path) { Content = content };
        using var response = await _http.SendAsync(request);
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw new InvalidOperationException($"{id}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
        }
    }

    public async Task StopAsync(string id, string path = "/v1/mandelboxes")
    {
        using var response = await _http.DeleteAsync($"{path}/{id}");
        response.EnsureSuccessStatusCode();
    }

    /// <summary>
    /// A viewer of the ops page: it reads the events, and asks for the rest when it comes and every 10 seconds, as <c>ops.js</c> does.
    /// Until cancelled, then returns.
    /// </summary>
    public async Task WatchOpsPageAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(10));
        try
        {
            await _http.GetStringAsync("/ops", cancellationToken);
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/events");
            request.Headers.Accept.ParseAdd("text/event-stream");
            using var events = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            await using var stream = await events.EnsureSuccessStatusCode().Content.ReadAsStreamAsync(cancellationToken);
            await Task.WhenAll(stream.CopyToAsync(Stream.Null, cancellationToken), AskAsync());
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // It has left.
        }

        async Task AskAsync()
        {
            do
            {
                await Task.WhenAll(
                    new[] { "/v1/host", "/v1/mandelboxes", "/v1/leases" }.Select(path => _http.GetStringAsync(path, cancellationToken)));
            }
            while (await timer.WaitForNextTickAsync(cancellationToken));
        }
    }

    /// <summary>Both pools are full, as far as there are any.</summary>
    public async Task UntilPoolsAreFullAsync()
    {
        while (JsonNode.Parse(await _http.GetStringAsync("/v1/host"))! is var host
            && ((int?)host["sandboxes"]?["used"] > 0 || (int?)host["waiting"]?["used"] > 0))
        {
            await Task.Delay(50);
        }
    }

    /// <summary>Of the process and of the programs that it has started and that have ended.</summary>
    public TimeSpan CpuTime()
    {
        // pid (name) state …: utime is field 14, followed by stime, cutime and cstime, in ticks of 10 ms.
        var fields = File.ReadAllText($"/proc/{_process.Id}/stat").Split(')')[^1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return TimeSpan.FromMilliseconds(10 * fields[11..15].Sum(ticks => long.Parse(ticks, CultureInfo.InvariantCulture)));
    }

    /// <summary>What no other process shares: RssAnon and RssShmem.</summary>
    public double PrivateKb() => File.ReadLines($"/proc/{_process.Id}/status")
        .Where(line => line.StartsWith("RssAnon:", StringComparison.Ordinal) || line.StartsWith("RssShmem:", StringComparison.Ordinal))
        .Sum(line => double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture));

    public async Task<double> AllocatedBytesAsync()
    {
        const string Metric = "dotnet_gc_heap_total_allocated_bytes_total";
        var metrics = await _http.GetStringAsync("/metrics");
        var line = metrics.Split('\n').First(line => line.StartsWith(Metric, StringComparison.Ordinal));
        return double.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
    }

    private static string RuntimeRootOf(string directory) => $"/dev/shm/{Path.GetFileName(directory)}-run";

    internal static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (!_process.HasExited)
        {
            using var kill = Process.Start("/bin/sh", ["-c", $"kill -TERM {_process.Id}"]);
            await kill.WaitForExitAsync();
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(_directory, recursive: true);
        if (RuntimeRootOf(_directory) is var runtimeRoot && Directory.Exists(runtimeRoot))
        {
            // A service that has had no mandelbox makes none.
            Directory.Delete(runtimeRoot, recursive: true);
        }
    }
}
