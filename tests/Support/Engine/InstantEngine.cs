using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace HostService.Tests.Support;

/// <summary>
/// A container engine on a unix socket that runs nothing: every container starts and stops at once. It fails as its random source says:
/// an error before the call or after it, a lost answer, a container that dies as soon as it has started.
/// </summary>
public sealed class InstantEngine : IAsyncDisposable
{
    /// <summary>The images that it has.</summary>
    private static readonly string[] Images = ["fractal/mandelboxes/demo:current-build", "fractal/mandelboxes/sandbox:current-build"];

    private const string ImageId = "sha256:0";

    private readonly ScratchDirectory _directory = new();
    private readonly ConcurrentDictionary<string, Container> _containers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Channel<string>, bool> _watchers = new();
    private readonly Lock _gate = new();
    private readonly Random _random;
    private readonly WebApplication _app;

    private InstantEngine(int seed)
    {
        // Predictable on purpose: a run can be repeated.
        _random = new Random(seed);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(_directory["engine.sock"]));
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    private enum Fault
    {
        None,
        Error,
        ErrorAfterwards,
        LostAnswer,
        Death,
    }

    /// <summary>How many of the calls fail, 0 to 1.</summary>
    public double FaultRate { get; set; }

    public Uri Endpoint => new($"unix://{_directory["engine.sock"]}");

    public int Containers => _containers.Count;

    public int Calls { get; private set; }

    /// <summary>How many containers have joined another one's network, and were started.</summary>
    public int Joined { get; private set; }

    /// <summary>How many containers have got another name.</summary>
    public int Renamed { get; private set; }

    /// <summary>The names of its containers.</summary>
    public IReadOnlyCollection<string> Names => [.. _containers.Values.Select(c => c.Name)];

    /// <summary>
    /// Before and after a container gets another name, with whether it has it. The call waits for this; its token is cancelled when the
    /// caller is dead.
    /// </summary>
    public Func<bool, CancellationToken, Task> OnRename { get; set; } = (_, _) => Task.CompletedTask;

    public static async Task<InstantEngine> StartAsync(int seed)
    {
        var engine = new InstantEngine(seed);
        await engine._app.StartAsync();
        return engine;
    }

    /// <summary>Ends the container of this name, if it is there.</summary>
    public void Die(string name)
    {
        if (Find(name) is { } container)
        {
            End(container, exitCode: 1);
        }
    }

    /// <summary>The container whose network the container of this name has joined, or null.</summary>
    public string? NetworkOf(string name) => Find(name)?.Network;

    public async ValueTask DisposeAsync()
    {
        foreach (var watcher in _watchers.Keys)
        {
            watcher.Writer.TryComplete();
        }

        await _app.DisposeAsync();
        _directory.Dispose();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        // "/v1.41/containers/json" as well as "/containers/json".
        string[] path = [.. context.Request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries)];
        path = path is [['v', >= '0' and <= '9', ..], .. var rest] ? rest : path;
        var fault = path is ["containers", ..] ? Draw() : Fault.None;
        if (fault == Fault.Error)
        {
            await AnswerAsync(context, 500, new JsonObject { ["message"] = "the engine fails" });
            return;
        }

        if (path is ["events"])
        {
            await WatchAsync(context);
            return;
        }

        if (path is ["containers", var id, "logs"] && Find(id) is { } container)
        {
            await WriteOutputAsync(context, container);
            return;
        }

        var (status, body) = await DoAsync(context.Request, path, fault == Fault.Death);
        switch (fault)
        {
            case Fault.LostAnswer:
                context.Abort();
                break;
            case Fault.ErrorAfterwards:
                await AnswerAsync(context, 500, new JsonObject { ["message"] = "the engine fails, but has done it" });
                break;
            default:
                await AnswerAsync(context, status, body);
                break;
        }
    }

    private async Task<(int Status, JsonNode? Body)> DoAsync(HttpRequest request, string[] path, bool dies)
    {
        switch (request.Method, path)
        {
            case (_, ["version"]):
                return (200, new JsonObject { ["Version"] = "instant", ["ApiVersion"] = "1.41", ["MinAPIVersion"] = "1.12" });
            case (_, ["info"]):
                return (200, new JsonObject { ["ID"] = _directory.Path, ["DefaultRuntime"] = "runc", ["Runtimes"] = new JsonObject { ["runc"] = new JsonObject() } });
            case (_, ["images", "json"]):
                return (200, new JsonArray(new JsonObject { ["Id"] = ImageId, ["RepoTags"] = new JsonArray([.. Images]) }));
            case ("GET", ["images", .. var tag, "json"]):
                return Images.Contains(string.Join('/', tag))
                    ? (200, new JsonObject { ["Id"] = ImageId })
                    : (404, new JsonObject { ["message"] = "No such image" });
            case ("POST", ["containers", "create"]):
                return await CreateAsync(request);
            case ("GET", ["containers", "json"]):
                return (200, new JsonArray([.. Matching(request).Select(c => c.Listed())]));
        }

        if (path is not ["containers", var id, ..] || Find(id) is not { } container)
        {
            return (404, new JsonObject { ["message"] = "No such container" });
        }

        switch (request.Method, path[2..])
        {
            case ("GET", ["json"]):
                return (200, container.Inspected());
            case ("POST", ["start"]) when container.Network is { } network && Find(network) is not { State: "running" }:
                return Find(network) is { } ended
                    ? (409, new JsonObject { ["message"] = $"cannot join network of a non running container: {ended.Id}" })
                    : (404, new JsonObject { ["message"] = $"No such container: {network}" });
            case ("POST", ["start"]):
                Joined += container.Network is null ? 0 : 1;
                container.State = "running";
                Tell("start", container);
                if (dies)
                {
                    End(container, exitCode: 139);
                }

                return (204, null);
            case ("POST", ["stop"] or ["kill"]):
                var ran = container.State == "running";
                End(container, exitCode: 137);
                return path[2] == "kill" && !ran ? (409, new JsonObject { ["message"] = "is not running" }) : (ran ? 204 : 304, null);
            case ("POST", ["rename"]):
                await OnRename(false, request.HttpContext.RequestAborted);
                var renamed = Rename(container, request.Query["name"].ToString());
                await OnRename(true, request.HttpContext.RequestAborted);
                return renamed;
            case ("POST", ["wait"]):
                return (200, new JsonObject { ["StatusCode"] = container.ExitCode });
            case ("DELETE", []):
                End(container, exitCode: 137);
                if (_containers.TryRemove(container.Id, out _))
                {
                    Tell("destroy", container);
                }

                return (204, null);
            default:
                return (404, new JsonObject { ["message"] = "page not found" });
        }
    }

    private async Task<(int Status, JsonNode? Body)> CreateAsync(HttpRequest request)
    {
        var name = request.Query["name"].ToString();
        var body = (await JsonNode.ParseAsync(request.Body))!;
        var container = new Container(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)), name, body["Labels"]?.AsObject() ?? [], NetworkIn(body));
        lock (_gate)
        {
            if (Find(name) is not null)
            {
                return NameTaken(name);
            }

            _containers[container.Id] = container;
        }

        Tell("create", container);
        return (201, new JsonObject { ["Id"] = container.Id });
    }

    private (int Status, JsonNode? Body) Rename(Container container, string name)
    {
        lock (_gate)
        {
            if (Find(name) is not null)
            {
                return NameTaken(name);
            }

            container.Name = name;
            Renamed++;
        }

        Tell("rename", container);
        return (204, null);
    }

    private static (int Status, JsonNode? Body) NameTaken(string name) =>
        (409, new JsonObject { ["message"] = $"The container name {name} is already in use" });

    /// <summary>As dockerd, which looks for the other container when this one is started.</summary>
    private static string? NetworkIn(JsonNode body) =>
        (string?)body["HostConfig"]?["NetworkMode"] is ['c', 'o', 'n', 't', 'a', 'i', 'n', 'e', 'r', ':', .. var other] ? other : null;

    private IEnumerable<Container> Matching(HttpRequest request)
    {
        var filters = request.Query["filters"] is [{ Length: > 0 } text] ? JsonNode.Parse(text)!["label"]?.AsObject() : null;
        string[][] labels = [.. (filters ?? []).Select(label => label.Key.Split('=', 2))];
        return _containers.Values.Where(c => labels.All(l => c.Labels.TryGetPropertyValue(l[0], out var value) && (l.Length == 1 || (string)value! == l[1])));
    }

    private async Task WatchAsync(HttpContext context)
    {
        var events = Channel.CreateUnbounded<string>();
        _watchers[events] = true;
        try
        {
            await context.Response.Body.FlushAsync();
            await foreach (var line in events.Reader.ReadAllAsync(context.RequestAborted))
            {
                await context.Response.WriteAsync(line + "\n");
            }
        }
        catch (OperationCanceledException)
        {
            // The watcher has gone.
        }
        finally
        {
            _watchers.TryRemove(events, out _);
        }
    }

    /// <summary>One line, with the head that a piece of output has without a terminal: stream 1, and its length.</summary>
    private static async Task WriteOutputAsync(HttpContext context, Container container)
    {
        var line = Encoding.UTF8.GetBytes($"This is {container.Name}.\n");
        context.Response.ContentType = "application/vnd.docker.raw-stream";
        await context.Response.Body.WriteAsync(new byte[] { 1, 0, 0, 0, 0, 0, 0, (byte)line.Length });
        await context.Response.Body.WriteAsync(line);
    }

    private static Task AnswerAsync(HttpContext context, int status, JsonNode? body)
    {
        context.Response.StatusCode = status;
        if (body is null)
        {
            return Task.CompletedTask;
        }

        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(body.ToJsonString());
    }

    private Container? Find(string idOrName) =>
        _containers.TryGetValue(idOrName, out var found) ? found : _containers.Values.FirstOrDefault(c => c.Name == idOrName);

    private void End(Container container, int exitCode)
    {
        lock (_gate)
        {
            if (container.State != "running")
            {
                return;
            }

            (container.State, container.ExitCode) = ("exited", exitCode);
        }

        Tell("die", container);
    }

    private void Tell(string action, Container container)
    {
        var attributes = (JsonObject)container.Labels.DeepClone();
        attributes["name"] = container.Name;
        if (action == "die")
        {
            attributes["exitCode"] = $"{container.ExitCode}";
        }

        var line = JsonSerializer.Serialize(new
        {
            Type = "container",
            Action = action,
            Actor = new { ID = container.Id, Attributes = attributes },
            timeNano = (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick,
        });
        foreach (var watcher in _watchers.Keys)
        {
            watcher.Writer.TryWrite(line);
        }
    }

    private Fault Draw()
    {
        lock (_gate)
        {
            Calls++;
            return _random.NextDouble() < FaultRate ? (Fault)_random.Next(1, 5) : Fault.None;
        }
    }

    private sealed class Container(string id, string name, JsonObject labels, string? network)
    {
        public string Id => id;

        public string Name { get; set; } = name;

        public string? Network => network;

        public JsonObject Labels { get; } = (JsonObject)labels.DeepClone();

        public string State { get; set; } = "created";

        public int ExitCode { get; set; }

        public JsonNode Listed() => JsonSerializer.SerializeToNode(new { Id, Names = new[] { $"/{Name}" }, Labels, State })!;

        public JsonNode Inspected() => JsonSerializer.SerializeToNode(new
        {
            Id,
            Name = $"/{Name}",
            Image = ImageId,
            Config = new { Labels },
            State = new { Status = State, ExitCode },
        })!;
    }
}
