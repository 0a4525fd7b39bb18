using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.EndToEnd;

/// <summary>The process that users run, and the callers that it knows.</summary>
internal sealed class RunningService : IAsyncDisposable
{
    private readonly ScratchDirectory _directory;
    private readonly ServiceProvider _engine;

    private RunningService(ScratchDirectory directory, Uri engine, ServiceProcess process)
    {
        _directory = directory;
        _engine = EngineFixture.Connect(engine);
        Process = process;
    }

    public ServiceProcess Process { get; }

    public string Instance => Process.Settings.InstanceName;

    /// <summary>Who spins up in a local environment, whatever the token says.</summary>
    public string LocalUser => $"localdev_host_service_user_{Instance}";

    public string Root => Process.Settings.Root;

    public string CloudStorageRoot => Process.Settings.CloudStorageRoot;

    public IContainerEngine Engine => _engine.GetRequiredService<IContainerEngine>();

    /// <summary>The directory goes with the service, also when that does not start.</summary>
    public static async Task<RunningService> StartAsync(ScratchDirectory directory, Uri engine, ServiceSettings settings)
    {
        try
        {
            return new(directory, engine, await ServiceProcess.StartAsync(settings));
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    /// <summary>A service in LOCALDEV.</summary>
    public static Task<RunningService> StartLocalAsync(
        ScratchDirectory directory, EngineFixture engine, params (string Key, string Value)[] more) =>
        StartAsync(directory, engine.Endpoint, ServiceSettings.Local(engine.Endpoint, directory).With(more));

    public static JsonObject SpinUp(string id, ulong session = 1, string token = "0123456789abcdef", string jwt = "") => new()
    {
        ["app_name"] = EngineFixture.DemoApp,
        ["config_encryption_token"] = token,
        ["jwt_access_token"] = jwt,
        ["mandelbox_id"] = id,
        ["session_id"] = session,
    };

    /// <summary>A call of the wire's; its answer is JSON, or a text in a JSON string.</summary>
    public async Task<(HttpStatusCode Status, JsonNode Answer)> CallAsync(HttpMethod method, string path, JsonObject body)
    {
        using var content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var request = new HttpRequestMessage(method, path) { Content = content };
        using var response = await Process.Http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, response.Content.Headers.ContentType?.MediaType == "application/json" ? JsonNode.Parse(text)! : JsonValue.Create(text));
    }

    public Task<(HttpStatusCode Status, JsonNode Answer)> SpinUpAsync(JsonObject body) =>
        CallAsync(HttpMethod.Put, "/spin_up_mandelbox", body);

    /// <summary>A call with the backend's credential.</summary>
    public Task<(HttpStatusCode Status, JsonNode Answer)> BackendAsync(HttpMethod method, string path, JsonObject body)
    {
        body["auth_secret"] = ServiceProcess.Secret;
        return CallAsync(method, path, body);
    }

    /// <summary>Anything but success fails the test.</summary>
    public async Task<JsonNode> UpAsync(JsonObject body)
    {
        var (status, answer) = await SpinUpAsync(body);
        Assert.True(status == HttpStatusCode.OK, $"{status} {answer}\n{Process.Log.Text}");
        return answer["result"]!;
    }

    /// <summary>What an operator sees of a mandelbox.</summary>
    public async Task<JsonNode> DescribeAsync(string id) => JsonNode.Parse(await Process.Http.GetStringAsync($"/v1/mandelboxes/{id}"))!;

    /// <summary>Ends a mandelbox, as an operator does; returns once everything is given back.</summary>
    public async Task EndAsync(string id)
    {
        using var response = await Process.Http.DeleteAsync($"/v1/mandelboxes/{id}");
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
    }

    /// <summary>The engine's container of a mandelbox.</summary>
    public async Task<ContainerDescription> ContainerAsync(string id) =>
        (await Engine.InspectAsync($"{EngineFixture.DemoApp.Replace('/', '-')}-{id}", default)) ?? throw new InvalidOperationException(
            $"There is no container of {id}.");

    /// <summary>A path within a container, as this machine's root sees it: the container's own mounts, and no program of its.</summary>
    public async Task<string> InsideAsync(string id, string path) => $"/proc/{(await ContainerAsync(id)).Pid}/root{path}";

    /// <summary>Nothing is leased, and nothing of ours is in the engine.</summary>
    public async Task AssertNothingIsHeldAsync()
    {
        var host = JsonNode.Parse(await Process.Http.GetStringAsync("/v1/host"))!;
        Assert.Equal(
            (0, 0, 0, 0), ((int)host["ttys"]!["used"]!, (int)host["tcpPorts"]!["used"]!, (int)host["mandelboxes"]!, (int)host["leaks"]!));
        Assert.Empty(
            await Engine.ListAsync(new Dictionary<string, string> { [Grains.Mandelbox.ContainerLabels.Host] = Instance }, default));
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        await _engine.DisposeAsync();
        _directory.Dispose();
    }
}
