using System.Net;
using System.Text.Json.Nodes;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Engine.Service;

/// <summary>A running service with a directory of its own, and what tests ask it and its engine.</summary>
public sealed class TestService : IAsyncDisposable
{
    private readonly ScratchDirectory _directory;
    private readonly ServiceProvider _services;

    private TestService(Uri engine, ScratchDirectory directory, ServiceProcess process)
    {
        EngineAddress = engine;
        _directory = directory;
        _services = EngineFixture.Connect(engine);
        Process = process;
    }

    public ServiceProcess Process { get; }

    public Uri EngineAddress { get; }

    public IContainerEngine Engine => _services.GetRequiredService<IContainerEngine>();

    public ServiceSettings Settings => Process.Settings;

    public static async Task<TestService> StartAsync(Uri engine, params (string Key, string Value)[] settings)
    {
        var directory = new ScratchDirectory();
        try
        {
            return new TestService(
                engine, directory, await ServiceProcess.StartAsync(ServiceSettings.Local(engine, directory).With(settings)));
        }
        catch
        {
            // Nobody disposes of what never came to be.
            directory.Dispose();
            throw;
        }
    }

    /// <summary>The wire's request, all of whose fields are right but those given.</summary>
    public static JsonObject Body(string id, string app = EngineFixture.DemoApp, ulong session = 1, int? dpi = null)
    {
        var body = new JsonObject
        {
            ["app_name"] = app,
            ["config_encryption_token"] = "0123456789",
            ["jwt_access_token"] = "",
            ["mandelbox_id"] = id,
            ["session_id"] = session,
        };
        if (dpi is { } dots)
        {
            body["dpi"] = dots;
        }

        return body;
    }

    public async Task<(HttpStatusCode Status, JsonNode Answer)> SpinUpAsync(JsonObject body)
    {
        using var content = new StringContent(body.ToJsonString());
        using var response = await Process.Http.PutAsync("/spin_up_mandelbox", content);
        return (response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
    }

    /// <summary>Spins a mandelbox up; anything but success fails the test. The result: ports and key.</summary>
    public async Task<JsonNode> UpAsync(string id)
    {
        var (status, answer) = await SpinUpAsync(Body(id));
        Assert.True(status == HttpStatusCode.OK, $"{id}: {status} {answer}\n{Process.Log.Text}");
        return answer["result"]!;
    }

    public async Task<HttpStatusCode> DeleteAsync(string id)
    {
        using var response = await Process.Http.DeleteAsync($"/v1/mandelboxes/{id}");
        return response.StatusCode;
    }

    public async Task<JsonNode> GetAsync(string path) => JsonNode.Parse(await Process.Http.GetStringAsync(path))!;

    /// <summary>All containers of this service's, running or not.</summary>
    public Task<IReadOnlyList<ContainerDescription>> ContainersAsync() =>
        Engine.ListAsync(new Dictionary<string, string> { [ContainerLabels.Host] = Settings.InstanceName }, default);

    /// <summary>The network sandboxes of this service.</summary>
    public Task<IReadOnlyList<ContainerDescription>> SandboxesAsync() =>
        Engine.ListAsync(new Dictionary<string, string> { [ContainerLabels.SandboxHost] = Settings.InstanceName }, default);

    /// <summary>All of the pool of network sandboxes is ready.</summary>
    public static async Task UntilPoolIsReadyAsync(ServiceProcess service)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while ((int)JsonNode.Parse(await service.Http.GetStringAsync("/v1/host"))!["sandboxes"]!["used"]! != 0)
        {
            await pace.WaitForNextTickAsync(late.Token);
        }
    }

    /// <summary>With the id of its process, which a list does not have.</summary>
    public async Task<ContainerDescription> ContainerAsync(string id)
    {
        var listed = Assert.Single(await ContainersAsync(), c => c.Labels[ContainerLabels.MandelboxId] == id);
        var container = (await Engine.InspectAsync(listed.Id, default))!;
        Assert.True(container.Pid > 0 || !container.Running);
        return container;
    }

    /// <summary>The log tells that a mandelbox has gone, with all that it held.</summary>
    public Task GoneAsync(string id) => Process.Log.LineAsync($"Mandelbox {id} has gone after ").WaitAsync(TimeSpan.FromSeconds(60));

    /// <summary>What <c>host-service explain</c> says of a mandelbox when the service has ended too.</summary>
    public async Task<string> ExplainAfterItsEndAsync(string id)
    {
        // A port on which nobody listens: that of a service that chose its own is not known to the command.
        var settings = new Dictionary<string, string>(Settings.Environment) { ["Gateway__Port"] = $"{TestPorts.Reserve()}" };
        var (code, output, errors) = await ServiceProcess.CommandAsync(settings, "explain", id, "--json");
        Assert.True(code == 0, errors);
        return (string)JsonNode.Parse(output)!["explanation"]!;
    }

    /// <summary>Why a mandelbox ended, as <c>host-service explain</c> says it.</summary>
    public async Task<string> CauseAsync(string id)
    {
        var (code, output, errors) = await ServiceProcess.CommandAsync(
            new Dictionary<string, string>(), "explain", id, "--json", "--address", Process.Address.ToString());
        Assert.True(code == 0, errors);
        var sentence = (string)JsonNode.Parse(output)!["explanation"]!;
        Assert.Matches($@"^{id} \(.*\) ended \d+[smh] ago: ", sentence);
        return sentence[(sentence.IndexOf(" ago: ", StringComparison.Ordinal) + " ago: ".Length)..];
    }

    /// <summary>
    /// What users' mandelboxes hold by this answer of /v1/host. Each network sandbox that is ready has two TCP ports and one UDP port, and
    /// so has each mandelbox that waits, with a slot and a TTY.
    /// </summary>
    public static string Held(JsonNode host)
    {
        var (waiting, ready) = (Unused("waiting"), Unused("sandboxes") + Unused("waiting"));
        (string Name, int Used)[] all =
        [
            ("mandelboxes", (int)host["mandelboxes"]!), ("slots", Used("slots") - waiting), ("ttys", Used("ttys") - waiting),
            ("tcpPorts", Used("tcpPorts") - (2 * ready)), ("udpPorts", Used("udpPorts") - ready),
        ];
        return string.Join(", ", all.Where(held => held.Used != 0));

        int Used(string name) => (int)host[name]!["used"]!;

        int Unused(string name) => host[name] is { } pool ? (int)pool["capacity"]! - (int)pool["used"]! : 0;
    }

    /// <summary>No mandelbox is there, and nothing that one could have held: container, lease or directory. Logs stay.</summary>
    public async Task AssertNothingIsLeftAsync()
    {
        var host = await GetAsync("/v1/host");
        Assert.Equal("", Held(host));
        Assert.Equal(0, (int)host["leaks"]!);
        Assert.Empty(await ContainersAsync());
        Assert.Equal(["temp"], Directory.GetDirectories(Settings.Root).Select(Path.GetFileName));
        Assert.DoesNotContain(Directory.GetDirectories(Path.Combine(Settings.Root, "temp")), d => Path.GetFileName(d) != "logs");
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        foreach (var left in await LeftAsync())
        {
            await Engine.RemoveAsync(left.Id, default);
        }

        await _services.DisposeAsync();
        _directory.Dispose();
    }

    private async Task<IReadOnlyList<ContainerDescription>> LeftAsync()
    {
        try
        {
            return [.. await ContainersAsync(), .. await SandboxesAsync()];
        }
        catch (ContainerEngineException)
        {
            // The test has ended the engine, and its containers with it.
            return [];
        }
    }
}

/// <summary>One service for all tests of a class.</summary>
public sealed class ServiceFixture(EngineFixture engine) : IAsyncLifetime
{
    private TestService? _service;

    public TestService Service => _service ?? throw new InvalidOperationException("there is no engine, so there is no service");

    public async Task InitializeAsync()
    {
        if (EngineFixture.SkipReason is null)
        {
            _service = await TestService.StartAsync(engine.Endpoint);
        }
    }

    public async Task DisposeAsync()
    {
        if (_service is not null)
        {
            await _service.DisposeAsync();
        }
    }
}
