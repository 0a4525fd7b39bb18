using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>A service that is restarted, or whose start fails, under mandelboxes that run.</summary>
[Collection(EngineCollection.Name)]
public sealed class RestartTests(EngineFixture engine)
{
    [EngineFact]
    public async Task A_restart_answers_who_is_waiting_ends_with_5_and_the_next_run_goes_on_with_all_of_them()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint, ("Host__OnLeftovers", "reattach"));
        var access = await service.UpAsync("user-1");
        using var connection = await DemoConnection.OpenAsync((int)access["port_32262"]!);
        var before = await service.ContainerAsync("user-1");
        var began = (string?)(await service.GetAsync("/v1/mandelboxes/user-1"))["createdAt"];
        var spinUp = service.SpinUpAsync(TestService.Body("user-2"));
        await service.Process.Log.LineAsync("Mandelbox user-2: Leased");

        Assert.Equal(HttpStatusCode.Accepted, await RestartAsync(service.Process));

        var (status, answer) = await spinUp;
        Assert.True(status == HttpStatusCode.OK, answer.ToJsonString());
        Assert.Equal(5, await service.Process.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Equal((before.Id, before.Pid), ((await service.ContainerAsync("user-1")).Id, (await service.ContainerAsync("user-1")).Pid));

        await using (var next = await ServiceProcess.StartAsync(service.Settings))
        {
            Assert.StartsWith("mandelbox=user-1 ", await connection.SayAsync("again"), StringComparison.Ordinal);
            Assert.Equal(began, (string?)JsonNode.Parse(await next.Http.GetStringAsync("/v1/mandelboxes/user-1"))!["createdAt"]);
            var host = JsonNode.Parse(await next.Http.GetStringAsync("/v1/host"))!;
            Assert.Equal((2, 2, 0), ((int)host["mandelboxes"]!, (int)host["ttys"]!["used"]!, (int)host["leaks"]!));
            Assert.Equal(0, await next.EndAsync());
        }

        Assert.Empty(await service.ContainersAsync());
        Assert.False(Directory.Exists(service.Settings.Root));
    }

    [EngineFact]
    public async Task Without_reattach_a_restart_is_refused_and_changes_nothing()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint);
        await service.UpAsync("user");

        Assert.Equal(HttpStatusCode.Conflict, await RestartAsync(service.Process));

        Assert.Equal("Active", (string?)(await service.GetAsync("/v1/host"))["status"]);
        Assert.True((await service.ContainerAsync("user")).Running);
    }

    [EngineFact]
    public async Task A_start_that_fails_leaves_the_mandelboxes_that_it_was_to_take_over_and_the_next_one_has_them()
    {
        await using var killed = await TestService.StartAsync(engine.Endpoint, ("Host__OnLeftovers", "reattach"));
        await killed.UpAsync("user");
        var before = await killed.ContainerAsync("user");
        await killed.Process.KillAsync();

        using (var somebody = new TcpListener(IPAddress.Any, 0))
        {
            somebody.Start();
            var port = ((IPEndPoint)somebody.LocalEndpoint).Port;
            await using var failed = await ServiceProcess.LaunchAsync(killed.Settings.With(("Gateway__Port", $"{port}")));
            Assert.Equal(1, await failed.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        }

        Assert.Equal(before.Pid, (await killed.ContainerAsync("user")).Pid);
        await using var next = await ServiceProcess.StartAsync(killed.Settings);
        Assert.Equal("Running", (string?)JsonNode.Parse(await next.Http.GetStringAsync("/v1/mandelboxes/user"))!["state"]);
        Assert.Equal(before.Pid, (await killed.ContainerAsync("user")).Pid);
        Assert.Equal(0, await next.EndAsync());
        Assert.Empty(await killed.ContainersAsync());
    }

    private static async Task<HttpStatusCode> RestartAsync(ServiceProcess service)
    {
        using var answer = await service.Http.PostAsync("/v1/host/restart", null);
        return answer.StatusCode;
    }
}
