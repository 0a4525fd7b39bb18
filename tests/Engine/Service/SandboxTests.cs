using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>Mandelboxes that join network sandboxes of a real engine.</summary>
[Collection(EngineCollection.Name)]
public sealed class SandboxTests(EngineFixture engine)
{
    private const int Size = 2;
    private static readonly (string, string) Pool = ("Docker__SandboxPool", "2");

    [EngineFact]
    public async Task A_mandelbox_answers_through_its_sandbox_and_both_go_together()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint, Pool);
        await UntilReadyAsync(service.Process);

        var answer = await service.UpAsync("user");

        var sandbox = await SandboxOfAsync(service, "user");
        Assert.Equal(
            $"container:{(await service.Engine.InspectAsync(sandbox, default))!.Id}",
            await DockerCommand.RunAsync(engine.Endpoint, "inspect", "--format", "{{.HostConfig.NetworkMode}}", "mandelboxes-demo-user"));
        foreach (var port in new[] { "port_32262", "port_32273" })
        {
            Assert.StartsWith("mandelbox=user ", await AskAsync((int)answer[port]!), StringComparison.Ordinal);
        }

        await UntilReadyAsync(service.Process);
        Assert.Equal(HttpStatusCode.NoContent, await service.DeleteAsync("user"));
        await UntilAsync(async () => await service.Engine.InspectAsync(sandbox, default) is null);

        Assert.Equal(0, await service.Process.EndAsync());
        Assert.Empty(await SandboxesAsync(service));
    }

    [EngineFact]
    public async Task More_callers_than_sandboxes_are_all_served_and_the_pool_is_filled_again()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint, Pool);
        await UntilReadyAsync(service.Process);
        var ids = Enumerable.Range(0, 6).Select(i => $"user-{i}").ToList();

        var answers = await Task.WhenAll(ids.Select(service.UpAsync));

        Assert.Equal(6, answers.Select(answer => (int)answer["port_32262"]!).Distinct().Count());
        await UntilReadyAsync(service.Process);
        Assert.All(await Task.WhenAll(ids.Select(service.DeleteAsync)), status => Assert.Equal(HttpStatusCode.NoContent, status));
        await UntilAsync(async () => (await SandboxesAsync(service)).Count == Size);
        await UntilReadyAsync(service.Process);
        Assert.Equal(0, (int)(await service.GetAsync("/v1/host"))["slots"]!["used"]!);
    }

    [EngineFact]
    public async Task A_sandbox_that_is_killed_is_replaced_or_ends_the_mandelbox_that_uses_it()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint, Pool);
        await UntilReadyAsync(service.Process);
        await service.UpAsync("user");
        await UntilReadyAsync(service.Process);
        var used = await SandboxOfAsync(service, "user");
        var ready = (await SandboxesAsync(service)).First(sandbox => sandbox.Name != used).Name;

        await DockerCommand.RunAsync(engine.Endpoint, "kill", ready);
        await UntilAsync(async () => await service.Engine.InspectAsync(ready, default) is null);
        await UntilReadyAsync(service.Process);
        Assert.Equal("Running", (string?)(await service.GetAsync("/v1/mandelboxes/user"))["state"]);

        await DockerCommand.RunAsync(engine.Endpoint, "kill", used);
        await service.GoneAsync("user");

        Assert.Contains($"its network sandbox {used} ended", service.Process.Log.Text, StringComparison.Ordinal);
        await UntilAsync(async () => (await SandboxesAsync(service)).Count == Size);
        Assert.Empty(await service.ContainersAsync());
    }

    [EngineFact]
    public async Task After_SIGKILL_a_mandelbox_goes_on_in_its_sandbox_and_the_unused_ones_are_removed()
    {
        await using var killed = await TestService.StartAsync(engine.Endpoint, Pool);
        await UntilReadyAsync(killed.Process);
        var answer = await killed.UpAsync("user");
        await UntilReadyAsync(killed.Process);
        var sandbox = await SandboxOfAsync(killed, "user");
        var unused = (await SandboxesAsync(killed)).Select(s => s.Name).Where(name => name != sandbox).ToList();
        using var connection = new TcpClient();
        await connection.ConnectAsync(IPAddress.Loopback, (int)answer["port_32262"]!);
        using var talk = new StreamReader(connection.GetStream(), Encoding.ASCII);
        Assert.StartsWith("mandelbox=user ", await talk.ReadLineAsync(), StringComparison.Ordinal);
        await killed.Process.KillAsync();

        await using (var next = await ServiceProcess.StartAsync(killed.Settings.With(("Host__OnLeftovers", "reattach"))))
        {
            await UntilReadyAsync(next);
            Assert.StartsWith("mandelbox=user ", await AskAsync((int)answer["port_32262"]!), StringComparison.Ordinal);
            await connection.GetStream().WriteAsync("hello\n"u8.ToArray());
            Assert.NotNull(await talk.ReadLineAsync());
            var now = (await SandboxesAsync(killed)).Select(s => s.Name).ToList();
            Assert.Contains(sandbox, now);
            Assert.Empty(now.Intersect(unused));
            Assert.Equal(0, (int)JsonNode.Parse(await next.Http.GetStringAsync("/v1/host"))!["leaks"]!);
            Assert.Equal(0, await next.EndAsync());
        }

        Assert.Empty(await SandboxesAsync(killed));
        Assert.Empty(await killed.ContainersAsync());
    }

    [EngineFact]
    public async Task Reclaim_removes_every_sandbox_of_a_run_that_was_killed()
    {
        await using var killed = await TestService.StartAsync(engine.Endpoint, Pool);
        await UntilReadyAsync(killed.Process);
        await killed.UpAsync("user");
        await killed.Process.KillAsync();

        var (code, _, errors) = await ServiceProcess.CommandAsync(killed.Settings.Environment, "reclaim");

        Assert.True(code == 0, errors);
        Assert.Empty(await SandboxesAsync(killed));
        Assert.Empty(await killed.ContainersAsync());
    }

    private static async Task<IReadOnlyList<ContainerDescription>> SandboxesAsync(TestService service) => await service.Engine.ListAsync(
        new Dictionary<string, string> { [ContainerLabels.SandboxHost] = service.Settings.InstanceName }, default);

    private static async Task<string> SandboxOfAsync(TestService service, string id) =>
        (await service.ContainerAsync(id)).Labels[ContainerLabels.Network];

    private static async Task<string> AskAsync(int port)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port);
        using var answer = new StreamReader(client.GetStream(), Encoding.ASCII);
        return await answer.ReadLineAsync() ?? "";
    }

    /// <summary>All of the pool is ready.</summary>
    private static Task UntilReadyAsync(ServiceProcess service) => UntilAsync(async () =>
        (int)JsonNode.Parse(await service.Http.GetStringAsync("/v1/host"))!["sandboxes"]!["used"]! == 0);

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!await holds())
        {
            await pace.WaitForNextTickAsync(late.Token);
        }
    }
}
