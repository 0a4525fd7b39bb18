using System.Net;
using System.Text.Json.Nodes;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>Mandelboxes of a real engine that wait for users, and the crashes and ends of a service that has some.</summary>
[Collection(EngineCollection.Name)]
public sealed class WarmPoolTests(EngineFixture engine)
{
    private const int Size = 2;
    private static readonly (string, string) Pool = (EngineFixture.DemoWaiting, $"{Size}");

    [EngineFact]
    public async Task A_spin_up_adopts_one_that_waits_which_answers_and_goes_like_any_other_and_is_replaced()
    {
        await using var service = await StartAsync();
        var waiting = (await service.ContainersAsync()).ToDictionary(c => c.Id, c => c.Name);
        Assert.All(waiting.Values, name => Assert.StartsWith("mandelboxes-demo-host-service-waiting-", name, StringComparison.Ordinal));

        var answer = await service.UpAsync("user");

        var inspected = await DockerCommand.RunAsync(
            engine.Endpoint, "inspect", "--format", "{{.Id}} {{.Name}} {{.State.Running}}", "mandelboxes-demo-user");
        Assert.Contains(inspected, waiting.Keys.Select(id => $"{id} /mandelboxes-demo-user true"));
        foreach (var port in new[] { "port_32262", "port_32273" })
        {
            Assert.StartsWith("mandelbox=user ", await AskAsync(answer, port), StringComparison.Ordinal);
        }

        await service.Process.UntilWaitingAsync();
        Assert.Equal(Size, (await WaitingAsync(service)).Count);
        Assert.Equal(1, (int)(await service.GetAsync("/v1/host"))["mandelboxes"]!);
        Assert.Equal(HttpStatusCode.NoContent, await service.DeleteAsync("user"));
        await service.GoneAsync("user");

        Assert.Equal("", TestService.Held(await service.GetAsync("/v1/host")));
        var names = (await WaitingAsync(service)).Select(IdOf).ToHashSet();
        Assert.Equal(names, DirectoriesIn(service.Settings.Root, "temp"));
        Assert.Equal(names, DirectoriesIn(Path.Combine(service.Settings.Root, "temp"), "logs"));
        await AssertEndsCleanAsync(service, service.Process);
    }

    [EngineFact]
    public async Task After_SIGKILL_the_adopted_one_goes_on_and_those_that_waited_are_removed()
    {
        await using var killed = await StartAsync();
        var answer = await killed.UpAsync("user");
        await killed.Process.UntilWaitingAsync();
        var before = await ContainerAsync(killed, "user");
        var waited = await WaitingAsync(killed);
        Assert.Equal(Size, waited.Count);
        using var connection = await DemoConnection.OpenAsync((int)answer["port_32262"]!);
        await killed.Process.KillAsync();

        await using (var next = await ServiceProcess.StartAsync(killed.Settings.With(("Host__OnLeftovers", "reattach"))))
        {
            var after = await ContainerAsync(killed, "user");
            Assert.Equal((before.Id, before.Pid), (after.Id, after.Pid));
            Assert.StartsWith("mandelbox=user ", await connection.SayAsync("again"), StringComparison.Ordinal);

            // The backend asks again, because the crash lost its answer.
            using var again = new StringContent(TestService.Body("user").ToJsonString());
            using var repeated = await next.Http.PutAsync("/spin_up_mandelbox", again);
            Assert.Equal(answer.ToJsonString(), JsonNode.Parse(await repeated.Content.ReadAsStringAsync())!["result"]!.ToJsonString());

            await next.UntilWaitingAsync();
            var now = await WaitingAsync(killed);
            Assert.Equal(Size, now.Count);
            Assert.Empty(now.Select(c => c.Id).Intersect(waited.Select(c => c.Id)));
            Assert.Equal(now.Select(IdOf).Append("user").ToHashSet(), DirectoriesIn(killed.Settings.Root, "temp"));
            using var deleted = await next.Http.DeleteAsync("/v1/mandelboxes/user");
            Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
            var host = JsonNode.Parse(await next.Http.GetStringAsync("/v1/host"))!;
            Assert.Equal(("", 0), (TestService.Held(host), (int)host["leaks"]!));
            Assert.DoesNotContain("user", DirectoriesIn(killed.Settings.Root, "temp"));
            await AssertEndsCleanAsync(killed, next);
        }
    }

    [EngineFact]
    public async Task A_drain_ends_those_that_wait_at_once_and_waits_for_the_user_and_its_cancellation_fills_the_pool_again()
    {
        await using var service = await StartAsync();
        await service.UpAsync("staying");
        await service.Process.UntilWaitingAsync();

        await DrainAsync(service.Process);

        await service.Process.Log.LineAsync("Draining: 1 mandelbox left: staying since ").WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(["mandelboxes-demo-staying"], (await service.ContainersAsync()).Where(c => c.Running).Select(c => c.Name));
        Assert.Equal(["staying"], DirectoriesIn(service.Settings.Root, "temp"));

        var cancelled = await ServiceProcess.CommandAsync(
            new Dictionary<string, string>(),
            "drain", "--cancel", "--address", service.Process.Address.ToString(), "--token", ServiceProcess.Secret);
        Assert.True(cancelled.ExitCode == 0, cancelled.Errors);
        await service.Process.UntilWaitingAsync();
        Assert.Equal(Size, (await WaitingAsync(service)).Count);
        await service.UpAsync("another");

        // Those that wait again do not keep it from ending either.
        await DrainAsync(service.Process);
        Assert.Equal(HttpStatusCode.NoContent, await service.DeleteAsync("staying"));
        Assert.Equal(HttpStatusCode.NoContent, await service.DeleteAsync("another"));
        Assert.Equal(0, await service.Process.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Empty(await service.ContainersAsync());
        Assert.False(Directory.Exists(service.Settings.Root));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task After_SIGKILL_in_an_adoption_the_container_s_name_says_whose_it_is_and_nothing_is_left(bool isRenamed)
    {
        await using var instant = await InstantEngine.StartAsync(seed: 1);
        using var directory = new ScratchDirectory();
        var settings = ServiceSettings.Local(instant.Endpoint, directory).With(Pool, ("Host__OnLeftovers", "reattach"));
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        instant.OnRename = async (isDone, callerDied) =>
        {
            if (isDone == isRenamed)
            {
                reached.TrySetResult();
                await new TaskCompletionSource().Task.WaitAsync(callerDied);
            }
        };
        await using (var first = await ServiceProcess.StartAsync(settings))
        {
            await first.UntilWaitingAsync();
            using var body = new StringContent(TestService.Body("user").ToJsonString());
            var put = first.Http.PutAsync("/spin_up_mandelbox", body);
            await reached.Task.WaitAsync(TimeSpan.FromSeconds(60));
            await first.KillAsync();
            await Assert.ThrowsAsync<HttpRequestException>(() => put);
        }

        instant.OnRename = (_, _) => Task.CompletedTask;
        Assert.Equal(isRenamed, instant.Names.Contains("mandelboxes-demo-user"));
        Assert.Equal(["user"], DirectoriesIn(settings.Root, "temp").Where(name => !MandelboxIds.IsWaiting(name)));

        await using var next = await ServiceProcess.StartAsync(settings);
        await next.UntilWaitingAsync();

        Assert.Equal(isRenamed, instant.Names.Contains("mandelboxes-demo-user"));
        Assert.Equal(isRenamed, Directory.Exists(Path.Combine(settings.Root, "user")));
        using var deleted = await next.Http.DeleteAsync("/v1/mandelboxes/user");
        Assert.Equal(isRenamed ? HttpStatusCode.NoContent : HttpStatusCode.NotFound, deleted.StatusCode);
        using var again = new StringContent(TestService.Body("user").ToJsonString());
        using var answer = await next.Http.PutAsync("/spin_up_mandelbox", again);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(0, await next.EndAsync());
        Assert.Empty(instant.Names);
        Assert.False(Directory.Exists(settings.Root));
    }

    private static string IdOf(ContainerDescription container) => container.Name["mandelboxes-demo-".Length..];

    private static async Task<string> AskAsync(JsonNode answer, string port)
    {
        using var connection = await DemoConnection.OpenAsync((int)answer[port]!);
        return connection.FirstLine;
    }

    private static async Task DrainAsync(ServiceProcess service)
    {
        using var content = new StringContent($$"""{"auth_secret":"{{ServiceProcess.Secret}}"}""");
        using var answer = await service.Http.PostAsync("/drain_and_shutdown", content);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    /// <summary>The names of the directories in this one, but for that one.</summary>
    private static HashSet<string> DirectoriesIn(string directory, string but) =>
        [.. Directory.GetDirectories(directory).Select(path => Path.GetFileName(path)).Where(name => name != but)];

    /// <summary>With the id of its process. By its name: the labels of one that has waited do not name it.</summary>
    private static async Task<ContainerDescription> ContainerAsync(TestService service, string id) =>
        (await service.Engine.InspectAsync($"mandelboxes-demo-{id}", default))!;

    private static async Task<IReadOnlyList<ContainerDescription>> WaitingAsync(TestService service) =>
        [.. (await service.ContainersAsync()).Where(c => MandelboxIds.IsWaiting(IdOf(c)))];

    private static async Task AssertEndsCleanAsync(TestService service, ServiceProcess process)
    {
        Assert.Equal(0, await process.EndAsync());
        Assert.Empty(await service.ContainersAsync());
        Assert.False(Directory.Exists(service.Settings.Root), process.Log.Text);
        Assert.False(Directory.Exists(service.Settings.Records));
    }

    private async Task<TestService> StartAsync()
    {
        var service = await TestService.StartAsync(engine.Endpoint, Pool);
        await service.Process.UntilWaitingAsync();
        return service;
    }
}
