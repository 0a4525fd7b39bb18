using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using HostService.Silo.Lifecycle;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Engine.Service;

/// <summary>
/// SIGKILL at a point of the service's life: every step of the start and of the shutdown, every move of a mandelbox, also of one that waits
/// for a user. KILL_POINTS=all tries all of them, otherwise some; KILL_ROUNDS says how often in a row (default 1).
/// </summary>
[Collection(EngineCollection.Name)]
public sealed class KillTests(EngineFixture engine)
{
    private const int Nth = 9;
    private const int Waiting = 2;

    /// <summary>What the ids of mandelboxes begin with that wait for a user.</summary>
    private const string Waits = "host-service-waiting-";

    private static readonly TimeSpan WaitTimeout = TimeSpan.FromSeconds(60);

    /// <summary>Each with how many mandelboxes wait for users.</summary>
    public static TheoryData<string, int> Points
    {
        get
        {
            // The first steps come before there is a log, the last ones after it.
            var steps = HostLifecycle.Stages(new ShutdownOptions()).SelectMany(stage => stage.Steps).Cast<HostStep>().ToList();
            string[] starts = [.. steps.Where(s => !s.IsStop).Skip(2).Select(s => $"Starting: {s.Name}")];
            string[] stops = [.. steps.Where(s => s.IsStop).Skip(3).Select(s => $"Shutting down: {s.Name}").Distinct()];
            string[] moves = [.. new[] { "Leased", "Created", "Started", "Connecting", "Running", "Dying", "Gone" }.Select(s => $"-> {s}")];

            // A mandelbox that adopts another one, which itself moves on the way to its users, and then ends.
            string[] adoptions = [.. new[] { "Waiting", "Connecting", "Running", "Dying", "Gone" }.Select(s => $"-> {s}")];
            string[] waits = [.. new[] { "Leased", "Created", "Started", "Waiting", "Dying", "Gone" }.Select(s => $"{Waits} -> {s}")];
            var points = new TheoryData<string, int>();
            string[] all = [.. starts, .. moves, .. stops];
            foreach (var point in all.Where((_, i) => IsAll || i % Nth == Nth - 1))
            {
                points.Add(point, 0);
            }

            foreach (var point in IsAll ? [.. adoptions, .. waits, .. stops] : new[] { "-> Waiting" })
            {
                points.Add(point, Waiting);
            }

            return points;
        }
    }

    private static bool IsAll => Environment.GetEnvironmentVariable("KILL_POINTS") == "all";

    [EngineTheory]
    [MemberData(nameof(Points))]
    public Task What_a_run_that_was_killed_leaves_is_reclaimed(string point, int waiting) => RepeatAsync(async () =>
    {
        using var directory = new ScratchDirectory();
        var settings = Settings(directory, waiting);
        await KillAsync(settings, point, waiting);

        var (code, _, errors) = await ServiceProcess.CommandAsync(settings.Environment, "reclaim");

        Assert.True(code == 0, $"{code}: {errors}");
        await AssertNothingIsLeftAsync(settings);
    });

    [EngineTheory]
    [MemberData(nameof(Points))]
    public Task The_next_run_takes_over_what_runs_and_removes_the_rest(string point, int waiting) => RepeatAsync(async () =>
    {
        using var directory = new ScratchDirectory();
        var settings = Settings(directory, waiting);
        var before = await KillAsync(settings, point, waiting);
        var left = await ContainersAsync(settings);

        await using (var next = await ServiceProcess.StartAsync(settings.With(("Host__OnLeftovers", "reattach"))))
        {
            if (before is not null && !point.StartsWith("Shutting", StringComparison.Ordinal))
            {
                Assert.Equal(before.Pid, (await ContainersAsync(settings)).FirstOrDefault(c => c.Id == before.Id)?.Pid);
            }

            if (waiting > 0)
            {
                await next.UntilWaitingAsync();
                Assert.Empty((await ContainersAsync(settings)).Where(IsWaiting).Select(c => c.Id).Intersect(left.Select(c => c.Id)));
            }

            Assert.Equal(0, await next.EndAsync());
        }

        await AssertNothingIsLeftAsync(settings);
    });

    private static bool IsWaiting(ContainerDescription container) => container.Name.Contains(Waits, StringComparison.Ordinal);

    private ServiceSettings Settings(ScratchDirectory directory, int waiting) => ServiceSettings.Local(engine.Endpoint, directory)
        .With(("Docker__SandboxPool", "2"), (EngineFixture.DemoWaiting, $"{waiting}"));

    private static async Task RepeatAsync(Func<Task> round)
    {
        var rounds = int.TryParse(Environment.GetEnvironmentVariable("KILL_ROUNDS"), out var number) ? number : 1;
        for (var i = 0; i < rounds; i++)
        {
            await round();
        }
    }

    /// <summary>Kills a service at this point, and returns the container of a mandelbox that ran then.</summary>
    private async Task<ContainerDescription?> KillAsync(ServiceSettings settings, string point, int waiting)
    {
        await using var service = await ServiceProcess.LaunchAsync(settings);
        if (point.StartsWith("Starting", StringComparison.Ordinal))
        {
            await service.Log.LineAsync(point).WaitAsync(WaitTimeout);
            await service.KillAsync();
            return null;
        }

        await service.ReadyAsync();
        if (point.StartsWith(Waits, StringComparison.Ordinal))
        {
            if (point.EndsWith("Dying", StringComparison.Ordinal) || point.EndsWith("Gone", StringComparison.Ordinal))
            {
                await MovedAsync(service, Waits, "-> Waiting");
                _ = ObserveAsync(PutAsync(service, "moving"));
            }

            await MovedAsync(service, Waits, point[(Waits.Length + 1)..]);
            await service.KillAsync();
            return null;
        }

        await UntilReadyAsync();
        var before = await UpAsync(service, settings, "before");
        if (point.StartsWith("->", StringComparison.Ordinal))
        {
            await UntilReadyAsync();

            // What the client gets is not asked: the service is killed meanwhile.
            _ = ObserveAsync(PutAsync(service, "moving"));
            if (point is "-> Dying" or "-> Gone")
            {
                await MovedAsync(service, "moving", "-> Running");
                _ = ObserveAsync(service.Http.DeleteAsync("/v1/mandelboxes/moving"));
            }

            await MovedAsync(service, "moving", point);
        }
        else
        {
            _ = ObserveAsync(service.EndAsync());
            await service.Log.LineAsync(point).WaitAsync(WaitTimeout);
        }

        await service.KillAsync();
        return before;

        async Task UntilReadyAsync()
        {
            await TestService.UntilPoolIsReadyAsync(service);
            if (waiting > 0)
            {
                await service.UntilWaitingAsync();
            }
        }
    }

    private async Task<ContainerDescription> UpAsync(ServiceProcess service, ServiceSettings settings, string id)
    {
        using var answer = await PutAsync(service, id);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return Assert.Single(await ContainersAsync(settings), c => c.Name == $"mandelboxes-demo-{id}");
    }

    private static Task<HttpResponseMessage> PutAsync(ServiceProcess service, string id) =>
        service.Http.PutAsync("/spin_up_mandelbox", new StringContent(TestService.Body(id).ToJsonString()));

    /// <param name="id">What the id of the mandelbox begins with.</param>
    private static Task<string> MovedAsync(ServiceProcess service, string id, string move) =>
        service.Log.LineAsync(
            line => line.Contains($"Mandelbox {id}", StringComparison.Ordinal)
                && line.Contains($" {move} after ", StringComparison.Ordinal),
            move).WaitAsync(WaitTimeout);

    private static async Task ObserveAsync(Task task)
    {
        try
        {
            await task;
        }
        catch (Exception exception) when (exception is HttpRequestException or TimeoutException)
        {
            // The service was killed meanwhile.
        }
    }

    private async Task AssertNothingIsLeftAsync(ServiceSettings settings)
    {
        Assert.Empty(await ContainersAsync(settings));
        Assert.Empty(await ContainersAsync(settings, ContainerLabels.SandboxHost));
        Assert.False(Directory.Exists(settings.Root));
        Assert.Empty(Directory.Exists(settings.Records) ? Directory.GetFileSystemEntries(settings.Records) : []);
    }

    private async Task<IReadOnlyList<ContainerDescription>> ContainersAsync(
        ServiceSettings settings, string label = ContainerLabels.Host)
    {
        await using var services = EngineFixture.Connect(engine.Endpoint);
        var client = services.GetRequiredService<IContainerEngine>();
        var all = await client.ListAsync(new Dictionary<string, string> { [label] = settings.InstanceName }, default);
        return [.. (await Task.WhenAll(all.Select(c => client.InspectAsync(c.Id, default)))).OfType<ContainerDescription>()];
    }
}
