using System.Net;
using System.Text.Json.Nodes;
using HostService.Grains.Mandelbox;
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
        await TestService.UntilPoolIsReadyAsync(service.Process);

        var answer = await service.UpAsync("user");

        var sandbox = await SandboxOfAsync(service, "user");
        Assert.Equal(
            $"container:{(await service.Engine.InspectAsync(sandbox, default))!.Id}",
            await DockerCommand.RunAsync(engine.Endpoint, "inspect", "--format", "{{.HostConfig.NetworkMode}}", "mandelboxes-demo-user"));
        foreach (var port in new[] { "port_32262", "port_32273" })
        {
            Assert.StartsWith("mandelbox=user ", await AskAsync((int)answer[port]!), StringComparison.Ordinal);
        }

        await TestService.UntilPoolIsReadyAsync(service.Process);
        Assert.Equal(HttpStatusCode.NoContent, await service.DeleteAsync("user"));
        await UntilAsync(async () => await service.Engine.InspectAsync(sandbox, default) is null);

        Assert.Equal(0, await service.Process.EndAsync());
        Assert.Empty(await service.SandboxesAsync());
    }

    [EngineFact]
    public async Task More_callers_than_sandboxes_are_all_served_and_the_pool_is_filled_again()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint, Pool);
        await TestService.UntilPoolIsReadyAsync(service.Process);
        var ids = Enumerable.Range(0, 6).Select(i => $"user-{i}").ToList();

        var answers = await Task.WhenAll(ids.Select(service.UpAsync));

        Assert.Equal(6, answers.Select(answer => (int)answer["port_32262"]!).Distinct().Count());
        await TestService.UntilPoolIsReadyAsync(service.Process);
        Assert.All(await Task.WhenAll(ids.Select(service.DeleteAsync)), status => Assert.Equal(HttpStatusCode.NoContent, status));
        await UntilAsync(async () => (await service.SandboxesAsync()).Count == Size);
        await TestService.UntilPoolIsReadyAsync(service.Process);
        Assert.Equal(0, (int)(await service.GetAsync("/v1/host"))["slots"]!["used"]!);
    }

    [EngineFact]
    public async Task A_sandbox_that_is_killed_is_replaced_or_ends_the_mandelbox_that_uses_it()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint, Pool);
        await TestService.UntilPoolIsReadyAsync(service.Process);
        await service.UpAsync("user");
        await TestService.UntilPoolIsReadyAsync(service.Process);
        var used = await SandboxOfAsync(service, "user");
        var ready = (await service.SandboxesAsync()).First(sandbox => sandbox.Name != used).Name;

        await DockerCommand.RunAsync(engine.Endpoint, "kill", ready);
        await UntilAsync(async () => await service.Engine.InspectAsync(ready, default) is null);
        await TestService.UntilPoolIsReadyAsync(service.Process);
        Assert.Equal("Running", (string?)(await service.GetAsync("/v1/mandelboxes/user"))["state"]);

        await DockerCommand.RunAsync(engine.Endpoint, "kill", used);
        await service.GoneAsync("user");

        Assert.Contains($"its network sandbox {used} ended", service.Process.Log.Text, StringComparison.Ordinal);
        await UntilAsync(async () => (await service.SandboxesAsync()).Count == Size);
        Assert.Empty(await service.ContainersAsync());
    }

    [EngineFact]
    public async Task After_SIGKILL_a_mandelbox_goes_on_in_its_sandbox_and_the_unused_ones_are_removed()
    {
        await using var killed = await TestService.StartAsync(engine.Endpoint, Pool);
        await TestService.UntilPoolIsReadyAsync(killed.Process);
        var answer = await killed.UpAsync("user");
        await TestService.UntilPoolIsReadyAsync(killed.Process);
        var sandbox = await SandboxOfAsync(killed, "user");
        var unused = (await killed.SandboxesAsync()).Select(s => s.Name).Where(name => name != sandbox).ToList();
        using var connection = await DemoConnection.OpenAsync((int)answer["port_32262"]!);
        Assert.StartsWith("mandelbox=user ", connection.FirstLine, StringComparison.Ordinal);
        await killed.Process.KillAsync();

        await using (var next = await ServiceProcess.StartAsync(killed.Settings.With(("Host__OnLeftovers", "reattach"))))
        {
            await TestService.UntilPoolIsReadyAsync(next);
            Assert.StartsWith("mandelbox=user ", await AskAsync((int)answer["port_32262"]!), StringComparison.Ordinal);
            Assert.StartsWith("mandelbox=user ", await connection.SayAsync("again"), StringComparison.Ordinal);
            var now = (await killed.SandboxesAsync()).Select(s => s.Name).ToList();
            Assert.Contains(sandbox, now);
            Assert.Empty(now.Intersect(unused));
            Assert.Equal(0, (int)JsonNode.Parse(await next.Http.GetStringAsync("/v1/host"))!["leaks"]!);
            Assert.Equal(0, await next.EndAsync());
        }

        Assert.Empty(await killed.SandboxesAsync());
        Assert.Empty(await killed.ContainersAsync());
    }

    [EngineFact]
    public async Task Reclaim_removes_every_sandbox_of_a_run_that_was_killed()
    {
        await using var killed = await TestService.StartAsync(engine.Endpoint, Pool);
        await TestService.UntilPoolIsReadyAsync(killed.Process);
        await killed.UpAsync("user");
        await killed.Process.KillAsync();

        var (code, _, errors) = await ServiceProcess.CommandAsync(killed.Settings.Environment, "reclaim");

        Assert.True(code == 0, errors);
        Assert.Empty(await killed.SandboxesAsync());
        Assert.Empty(await killed.ContainersAsync());
    }

    private static async Task<string> SandboxOfAsync(TestService service, string id) =>
        (await service.ContainerAsync(id)).Labels[ContainerLabels.Network];

    [EngineFact]
    public async Task Two_services_leave_each_others_sandboxes_alone()
    {
        await using var first = await TestService.StartAsync(engine.Endpoint, Pool);
        await using var second = await TestService.StartAsync(engine.Endpoint, Pool);
        await TestService.UntilPoolIsReadyAsync(first.Process);
        await TestService.UntilPoolIsReadyAsync(second.Process);
        await first.UpAsync("user");
        await TestService.UntilPoolIsReadyAsync(first.Process);
        var before = await IdsAsync(first);

        // The end of one, a crash, and what removes all that it left.
        Assert.Equal(0, await second.Process.EndAsync());
        Assert.Empty(await second.SandboxesAsync());
        await using (var killed = await ServiceProcess.StartAsync(second.Settings))
        {
            await TestService.UntilPoolIsReadyAsync(killed);
            await killed.KillAsync();
        }

        var (code, _, errors) = await ServiceProcess.CommandAsync(second.Settings.Environment, "reclaim");
        Assert.True(code == 0, errors);
        Assert.Empty(await second.SandboxesAsync());
        Assert.Equal(before, await IdsAsync(first));
        Assert.Equal("Running", (string?)(await first.GetAsync("/v1/mandelboxes/user"))["state"]);

        static async Task<IReadOnlySet<string>> IdsAsync(TestService service) =>
            (await service.SandboxesAsync()).Where(c => c.Running).Select(c => c.Id).ToHashSet();
    }

    [EngineFact]
    public async Task A_reclaim_leaves_the_sandbox_of_a_container_of_another_root()
    {
        await using var killed = await TestService.StartAsync(engine.Endpoint, Pool);
        await TestService.UntilPoolIsReadyAsync(killed.Process);
        var port = (int)(await killed.UpAsync("user"))["port_32262"]!;
        var used = await SandboxOfAsync(killed, "user");
        await killed.Process.KillAsync();
        using var directory = new ScratchDirectory();
        var settings = ServiceSettings.Local(engine.Endpoint, directory)
            .With(Pool, ("Host__InstanceName", killed.Settings.InstanceName), ("Host__OnLeftovers", "reclaim"));

        await using (var next = await ServiceProcess.StartAsync(settings))
        {
            await TestService.UntilPoolIsReadyAsync(next);
            Assert.StartsWith("mandelbox=user ", await AskAsync(port), StringComparison.Ordinal);

            // Once its user is removed, so is the sandbox.
            await killed.Engine.RemoveAsync((await killed.ContainerAsync("user")).Id, default);
            await UntilAsync(async () => await killed.Engine.InspectAsync(used, default) is null);
            Assert.Equal(0, await next.EndAsync());
        }

        Assert.Empty(await killed.SandboxesAsync());
    }

    [EngineFact]
    public async Task A_dry_run_of_reclaim_names_the_sandboxes_and_removes_none()
    {
        await using var killed = await TestService.StartAsync(engine.Endpoint, Pool);
        await TestService.UntilPoolIsReadyAsync(killed.Process);
        await killed.UpAsync("user");
        await TestService.UntilPoolIsReadyAsync(killed.Process);
        await killed.Process.KillAsync();
        var left = (await killed.SandboxesAsync()).Select(c => c.Name).ToList();
        Assert.Equal(Size + 1, left.Count);

        var dry = await ServiceProcess.CommandAsync(killed.Settings.Environment, "reclaim", "--dry-run");

        Assert.Equal(0, dry.ExitCode);
        Assert.All(left, name => Assert.Contains(
            $"container {name}, a network sandbox, would be removed", dry.Output, StringComparison.Ordinal));
        Assert.Equal(left.Order(), (await killed.SandboxesAsync()).Where(c => c.Running).Select(c => c.Name).Order());
    }

    private static async Task<string> AskAsync(int port)
    {
        using var connection = await DemoConnection.OpenAsync(port);
        return connection.FirstLine;
    }

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
