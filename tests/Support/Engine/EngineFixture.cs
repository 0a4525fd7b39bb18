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
/// A container engine with the demo's image in it: the one that HOST_SERVICE_TEST_ENGINE names, else the machine's own if it answers, else one that is
/// started for these tests and ended with them. One a test collection.
/// </summary>
public sealed class EngineFixture : IAsyncLifetime
{
    /// <summary>The app whose image is there.</summary>
    public const string DemoApp = "mandelboxes/demo";

    private const string Variable = "HOST_SERVICE_TEST_ENGINE";
    private const string MachinesOwn = "/var/run/docker.sock";
    private DockerDaemon? _daemon;

    /// <summary>Why there can be no engine on this machine, or null.</summary>
    public static string? WhyNot { get; } = Given is null && !Answers(MachinesOwn) ? DockerDaemon.WhyNot : null;

    public Uri Endpoint { get; private set; } = new($"unix://{MachinesOwn}");

    private static string? Given => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } given ? given : null;

    /// <summary>What the service itself uses to drive an engine, wired as there; to be disposed of.</summary>
    public static ServiceProvider Connect(Uri endpoint, Action<DockerOptions>? configure = null)
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().Build());
        services.AddLogging();
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

    /// <summary>Puts the demo's image into an engine, unless it is there.</summary>
    public static async Task BuildDemoAsync(Uri endpoint)
    {
        var script = Path.Combine(Repository(), "mandelboxes", "demo", "build.sh");
        var start = new ProcessStartInfo(script) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment["DOCKER_HOST"] = endpoint.ToString();
        using var build = Process.Start(start)!;
        var said = build.StandardOutput.ReadToEndAsync();
        var errors = await build.StandardError.ReadToEndAsync();
        await said;
        await build.WaitForExitAsync();
        if (build.ExitCode != 0)
        {
            throw new InvalidOperationException($"{script} ended with {build.ExitCode}: {errors}");
        }
    }

    public async Task InitializeAsync()
    {
        if (WhyNot is not null)
        {
            // Every test of the collection is skipped, with this reason.
            return;
        }

        if (Given is { } given)
        {
            Endpoint = new Uri(given);
        }
        else if (!Answers(MachinesOwn))
        {
            _daemon = await DockerDaemon.StartNewAsync();
            Endpoint = _daemon.Endpoint;
        }

        try
        {
            await BuildDemoAsync(Endpoint);
        }
        catch
        {
            // Nobody disposes of a fixture that never came to be.
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

/// <summary>A test on a real engine; skipped, and saying so, where there is none and none can be started.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class EngineFactAttribute : FactAttribute
{
    public EngineFactAttribute() => Skip = EngineFixture.WhyNot;
}

/// <summary>As <see cref="EngineFactAttribute"/>, for a theory.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class EngineTheoryAttribute : TheoryAttribute
{
    public EngineTheoryAttribute() => Skip = EngineFixture.WhyNot;
}

/// <summary>A test that kills engines, and so needs one of its own.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PrivateEngineFactAttribute : FactAttribute
{
    public PrivateEngineFactAttribute() => Skip = DockerDaemon.WhyNot;
}
