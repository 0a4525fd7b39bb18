using System.Diagnostics;
using System.Text.Json.Nodes;

namespace HostService.Bench;

/// <summary>A way to start containers and to end them, and how long that took.</summary>
internal abstract class Way(string name)
{
    public string Name => name;

    public Samples Starts { get; private set; } = new();

    public Samples Ends { get; private set; } = new();

    /// <summary>Starts some at once, and ends them at once. What comes before, between and after is not measured.</summary>
    /// <param name="settle">Waits until nothing else runs.</param>
    public async Task MeasureAsync(IReadOnlyList<string> ids, Func<Task> settle)
    {
        await settle();
        await PrepareAsync(ids);
        await Task.WhenAll(ids.Select(id => Starts.TimeAsync(() => StartAsync(id))));
        await settle();
        await Task.WhenAll(ids.Select(id => Ends.TimeAsync(() => EndAsync(id))));
        await FinishAsync();
    }

    /// <summary>After the warm-up, and for another number of callers.</summary>
    public void Forget() => (Starts, Ends) = (new Samples(), new Samples());

    protected virtual Task PrepareAsync(IReadOnlyList<string> ids) => Task.CompletedTask;

    protected abstract Task StartAsync(string id);

    protected abstract Task EndAsync(string id);

    protected virtual Task FinishAsync() => Task.CompletedTask;
}

/// <summary>
/// The engine's API with nothing in between: create and start, stop with the service's grace and remove. The containers are like one of the
/// service's own that publishes its ports, as the engine describes it.
/// </summary>
internal sealed class RawWay(RawEngine engine, JsonNode model, string modelId, string root) : Way("raw engine")
{
    private readonly Dictionary<string, string> _bodies = new(StringComparer.Ordinal);
    private int _port = 49151;

    protected override Task PrepareAsync(IReadOnlyList<string> ids)
    {
        foreach (var id in ids)
        {
            _bodies[id] = Body(id);
        }

        return Task.CompletedTask;
    }

    protected override async Task StartAsync(string id)
    {
        await engine.CreateAsync(id, _bodies[id]);
        await engine.StartAsync(id);
    }

    protected override async Task EndAsync(string id)
    {
        await engine.StopAsync(id);
        await engine.RemoveAsync(id);
    }

    /// <summary>With directories of its own, on host ports that the service never gives, and without its labels.</summary>
    private string Body(string name)
    {
        var config = model["Config"]!.DeepClone().AsObject();
        config["Hostname"] = "";
        config["Labels"] = new JsonObject();
        var host = model["HostConfig"]!.DeepClone().AsObject();
        host["Binds"] = new JsonArray([.. host["Binds"]!.AsArray().Select(bind => Own((string)bind!, name))]);
        foreach (var binding in host["PortBindings"]!.AsObject())
        {
            _port = _port == 65000 ? 49151 : _port + 1;
            binding.Value![0]!["HostPort"] = $"{_port}";
        }

        config["HostConfig"] = host;
        return config.ToJsonString();
    }

    private JsonNode Own(string bind, string name)
    {
        if (!bind.StartsWith(root, StringComparison.Ordinal))
        {
            return bind;
        }

        var own = bind.Replace($"/{modelId}/", $"/{name}/", StringComparison.Ordinal);
        var directory = Directory.CreateDirectory(own.Split(':')[0]).FullName;
        if (own.EndsWith("/resourceMappings", StringComparison.Ordinal))
        {
            // The app goes on at once, as it does in a mandelbox, instead of looking for this file again and again.
            File.WriteAllText(Path.Combine(directory, ".ready"), "");
        }

        return own;
    }
}

/// <summary>
/// Docker's own program, as a user would call it. The container has the same image and ports, and nothing else of a mandelbox.
/// </summary>
internal sealed class DockerRunWay(Uri endpoint) : Way("docker run -d")
{
    protected override Task StartAsync(string id) => CallAsync(
        "run", "-d", "-t", "--name", id, "-p", "32262/tcp", "-p", "32263/udp", "-p", "32273/tcp",
        "fractal/mandelboxes/demo:current-build");

    protected override async Task EndAsync(string id)
    {
        await CallAsync("stop", id);
        await CallAsync("rm", id);
    }

    private async Task CallAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("docker", ["-H", $"{endpoint}", .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
        };
        using var docker = Process.Start(start)!;
        await docker.StandardOutput.ReadToEndAsync();
        await docker.WaitForExitAsync();
        if (docker.ExitCode != 0)
        {
            throw new InvalidOperationException($"docker {string.Join(' ', arguments)} ended with {docker.ExitCode}");
        }
    }
}

/// <summary>PUT and DELETE.</summary>
internal class ServiceWay(string name, ServiceUnderMeasure service) : Way(name)
{
    protected override Task StartAsync(string id) => service.SpinUpAsync(id);

    protected override Task EndAsync(string id) => service.StopAsync(id);
}

/// <summary>On a service with one sandbox, which another mandelbox has just taken: the next sandbox is being started meanwhile.</summary>
internal sealed class DrainedWay(ServiceUnderMeasure service) : ServiceWay("drained sandbox pool", service)
{
    private const string Other = "bench-other";

    protected override Task PrepareAsync(IReadOnlyList<string> ids) => StartAsync(Other);

    protected override Task FinishAsync() => EndAsync(Other);
}
