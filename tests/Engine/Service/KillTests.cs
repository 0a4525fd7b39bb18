using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using HostService.Silo.Lifecycle;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Engine.Service;

/// <summary>
/// SIGKILL at a point of the service's life: every step of the start and of the shutdown, every move of a mandelbox. KILL_POINTS=all tries
/// all of them, otherwise some; KILL_ROUNDS says how often in a row (default 1).
/// </summary>
[Collection(EngineCollection.Name)]
public sealed class KillTests(EngineFixture engine)
{
    private const int Nth = 9;
    private static readonly TimeSpan WaitTimeout = TimeSpan.FromSeconds(60);

    public static TheoryData<string> Points
    {
        get
        {
            // The first steps come before there is a log, the last ones after it.
            var steps = HostLifecycle.Stages(new ShutdownOptions()).SelectMany(stage => stage.Steps).Cast<HostStep>().ToList();
            string[] all =
            [
                .. steps.Where(s => !s.IsStop).Skip(2).Select(s => $"Starting: {s.Name}"),
                .. new[] { "Leased", "Created", "Started", "Connecting", "Running", "Dying", "Gone" }.Select(s => $"-> {s}"),
                .. steps.Where(s => s.IsStop).Skip(3).Select(s => $"Shutting down: {s.Name}").Distinct(),
            ];
            var isAll = Environment.GetEnvironmentVariable("KILL_POINTS") == "all";
            return [.. all.Where((_, i) => isAll || i % Nth == Nth - 1)];
        }
    }

    [EngineTheory]
    [MemberData(nameof(Points))]
    public Task What_a_run_that_was_killed_leaves_is_reclaimed(string point) => RepeatAsync(async () =>
    {
        using var directory = new ScratchDirectory();
        var settings = ServiceSettings.Local(engine.Endpoint, directory).With(("Docker__SandboxPool", "2"));
        await KillAsync(settings, point);

        var (code, _, errors) = await ServiceProcess.CommandAsync(settings.Environment, "reclaim");

        Assert.True(code == 0, $"{code}: {errors}");
        await AssertNothingIsLeftAsync(settings);
    });

    [EngineTheory]
    [MemberData(nameof(Points))]
    public Task The_next_run_takes_over_what_runs_and_removes_the_rest(string point) => RepeatAsync(async () =>
    {
        using var directory = new ScratchDirectory();
        var settings = ServiceSettings.Local(engine.Endpoint, directory).With(("Docker__SandboxPool", "2"));
        var before = await KillAsync(settings, point);

        await using (var next = await ServiceProcess.StartAsync(settings.With(("Host__OnLeftovers", "reattach"))))
        {
            if (before is not null && !point.StartsWith("Shutting", StringComparison.Ordinal))
            {
                Assert.Equal(before.Pid, (await ContainersAsync(settings)).FirstOrDefault(c => c.Id == before.Id)?.Pid);
            }

            Assert.Equal(0, await next.EndAsync());
        }

        await AssertNothingIsLeftAsync(settings);
    });

    private static async Task RepeatAsync(Func<Task> round)
    {
        var rounds = int.TryParse(Environment.GetEnvironmentVariable("KILL_ROUNDS"), out var number) ? number : 1;
        for (var i = 0; i < rounds; i++)
        {
            await round();
        }
    }

    /// <summary>Kills a service at this point, and returns the container of a mandelbox that ran then.</summary>
    private async Task<ContainerDescription?> KillAsync(ServiceSettings settings, string point)
    {
        await using var service = await ServiceProcess.LaunchAsync(settings);
        if (point.StartsWith("Starting", StringComparison.Ordinal))
        {
            await service.Log.LineAsync(point).WaitAsync(WaitTimeout);
            await service.KillAsync();
            return null;
        }

        await service.ReadyAsync();
        await TestService.UntilPoolIsReadyAsync(service);
        var before = await UpAsync(service.Http, settings, "before");
        if (point.StartsWith("->", StringComparison.Ordinal))
        {
            // What the client gets is not asked: the service is killed meanwhile.
            _ = ObserveAsync(service.Http.PutAsync("/spin_up_mandelbox", new StringContent(TestService.Body("moving").ToJsonString())));
            if (point is "-> Dying" or "-> Gone")
            {
                await MovedAsync(service, "-> Running");
                _ = ObserveAsync(service.Http.DeleteAsync("/v1/mandelboxes/moving"));
            }

            await MovedAsync(service, point);
        }
        else
        {
            _ = ObserveAsync(service.EndAsync());
            await service.Log.LineAsync(point).WaitAsync(WaitTimeout);
        }

        await service.KillAsync();
        return before;
    }

    private async Task<ContainerDescription> UpAsync(HttpClient http, ServiceSettings settings, string id)
    {
        using var body = new StringContent(TestService.Body(id).ToJsonString());
        using var answer = await http.PutAsync("/spin_up_mandelbox", body);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return Assert.Single(await ContainersAsync(settings));
    }

    private static Task<string> MovedAsync(ServiceProcess service, string move) =>
        service.Log.LineAsync(
            line => line.Contains("Mandelbox moving: ", StringComparison.Ordinal) && line.Contains($" {move} after ", StringComparison.Ordinal),
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
        Assert.False(Directory.Exists(settings.Records) && Directory.EnumerateFileSystemEntries(settings.Records).Any());
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
