using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using HostService.Infrastructure;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Linux;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Support;

/// <summary>
/// A container engine that has the images of the demo and of network sandboxes: the one that HOST_SERVICE_TEST_ENGINE names, else the machine's own if it answers, else
/// one that is started for the test collection.
/// </summary>
public sealed class EngineFixture : IAsyncLifetime
{
    /// <summary>The app that can be spun up.</summary>
    public const string DemoApp = "mandelboxes/demo";

    /// <summary>The setting that says how many mandelboxes of the demo are to wait for users.</summary>
    public const string DemoWaiting = "WarmPool__Apps__mandelboxes__demo";

    private const string Variable = "HOST_SERVICE_TEST_ENGINE";
    private const string DefaultSocket = "/var/run/docker.sock";
    private DockerDaemon? _daemon;

    /// <summary>Why this machine has no engine, or null.</summary>
    public static string? SkipReason { get; } = Given is null && !Answers(DefaultSocket) ? DockerDaemon.SkipReason : null;

    public Uri Endpoint { get; private set; } = new($"unix://{DefaultSocket}");

    private static string? Given => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } given ? given : null;

    /// <summary>The service's own client of an engine; the caller disposes it.</summary>
    public static ServiceProvider Connect(Uri endpoint, Action<DockerOptions>? configure = null)
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().Build());
        services.AddLogging();
        services.AddSingleton(TimeProvider.System);
        services.Configure<HostOptions>(o => o.ManageSystem = false);
        services.AddSystemd();
        services.AddDockerEngine();
        services.Configure<DockerOptions>(o =>
        {
            o.Endpoint = endpoint.ToString();
            configure?.Invoke(o);
        });
        return services.BuildServiceProvider();
    }

    /// <summary>An engine of a test's own, which has both images.</summary>
    public static async Task<DockerDaemon> StartOwnAsync(NetworkNamespace? network = null)
    {
        var daemon = await DockerDaemon.StartNewAsync(network);
        try
        {
            await BuildImagesAsync(daemon.Endpoint);
            return daemon;
        }
        catch
        {
            await daemon.DisposeAsync();
            throw;
        }
    }

    /// <summary>Builds the images of the demo and of network sandboxes in an engine that does not have them.</summary>
    public static async Task BuildImagesAsync(Uri endpoint)
    {
        await BuildAsync("demo", endpoint);
        await BuildAsync("sandbox", endpoint);
    }

    private static async Task BuildAsync(string image, Uri endpoint)
    {
        var script = Path.Combine(Repository(), "mandelboxes", image, "build.sh");
        var start = new ProcessStartInfo(script) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment["DOCKER_HOST"] = endpoint.ToString();
        using var build = Process.Start(start)!;
        var output = build.StandardOutput.ReadToEndAsync();
        var errors = await build.StandardError.ReadToEndAsync();
        await output;
        await build.WaitForExitAsync();
        if (build.ExitCode != 0)
        {
            throw new InvalidOperationException($"{script} ended with {build.ExitCode}: {errors}");
        }
    }

    public async Task InitializeAsync()
    {
        if (SkipReason is not null)
        {
            // Every test of the collection is skipped, with this reason.
            return;
        }

        if (Given is { } given)
        {
            Endpoint = new Uri(given);
        }
        else if (!Answers(DefaultSocket))
        {
            _daemon = await DockerDaemon.StartNewAsync();
            Endpoint = _daemon.Endpoint;
        }

        try
        {
            await BuildImagesAsync(Endpoint);
        }
        catch
        {
            // xunit does not dispose a fixture whose initialization failed.
            await DisposeAsync();
            throw;
        }
    }

    public async Task DisposeAsync()
    {
        if (_daemon is not null)
        {
            await _daemon.DisposeAsync();
        }
    }

    private static bool Answers(string socketPath)
    {
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(socketPath));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static string Repository([CallerFilePath] string thisFile = "")
    {
        for (var at = new FileInfo(thisFile).Directory; at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "HostService.sln")))
            {
                return at.FullName;
            }
        }

        throw new InvalidOperationException($"no HostService.sln above {thisFile}");
    }
}

/// <summary>A test on a real engine; skipped, with the reason, where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class EngineFactAttribute : FactAttribute
{
    public EngineFactAttribute() => Skip = EngineFixture.SkipReason;
}

/// <summary>As <see cref="EngineFactAttribute"/>, for a theory.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class EngineTheoryAttribute : TheoryAttribute
{
    public EngineTheoryAttribute() => Skip = EngineFixture.SkipReason;
}

/// <summary>A test that kills its engine; skipped, with the reason, where none can be started.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PrivateEngineFactAttribute : FactAttribute
{
    public PrivateEngineFactAttribute() => Skip = DockerDaemon.SkipReason;
}
