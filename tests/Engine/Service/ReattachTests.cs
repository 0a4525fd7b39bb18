using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using HostService.Tests.Support;
using Xunit.Abstractions;

namespace HostService.Tests.Engine.Service;

/// <summary>A service that was killed, and what its users notice of the next one: nothing.</summary>
[Collection(EngineCollection.Name)]
public sealed class ReattachTests(EngineFixture engine, ITestOutputHelper output)
{
    [EngineFact]
    public async Task After_SIGKILL_mandelboxes_go_on_with_their_users_connections_and_end_like_any_other()
    {
        await using var killed = await TestService.StartAsync(engine.Endpoint);
        string[] ids = ["user-1", "user-2"];
        var answers = await Task.WhenAll(ids.Select(killed.UpAsync));
        var before = await Task.WhenAll(ids.Select(killed.ContainerAsync));
        using var connection = await DemoConnection.OpenAsync((int)answers[0]["port_32262"]!);
        Assert.StartsWith("mandelbox=user-1 ", connection.FirstLine, StringComparison.Ordinal);
        await killed.Process.KillAsync();

        await using (var next = await ServiceProcess.StartAsync(killed.Settings.With(("Host__OnLeftovers", "reattach"))))
        {
            Assert.Equal(before.Select(c => (c.Id, c.Pid)), (await Task.WhenAll(ids.Select(killed.ContainerAsync))).Select(c => (c.Id, c.Pid)));
            Assert.StartsWith("mandelbox=user-1 ", await connection.SayAsync("again"), StringComparison.Ordinal);
            var host = JsonNode.Parse(await next.Http.GetStringAsync("/v1/host"))!;
            Assert.Equal((2, 6, 2, 0), (
                (int)host["ttys"]!["used"]!, (int)host["tcpPorts"]!["used"]! + (int)host["udpPorts"]!["used"]!, (int)host["mandelboxes"]!, (int)host["leaks"]!));

            // The backend asks again, because the crash lost its answer.
            using var again = new StringContent(TestService.Body("user-1").ToJsonString());
            using var answer = await next.Http.PutAsync("/spin_up_mandelbox", again);
            Assert.Equal(answers[0].ToJsonString(), JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["result"]!.ToJsonString());

            using var deleted = await next.Http.DeleteAsync("/v1/mandelboxes/user-2");
            Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
            using var fresh = new StringContent(TestService.Body("user-3").ToJsonString());
            using var spunUp = await next.Http.PutAsync("/spin_up_mandelbox", fresh);
            Assert.Equal(HttpStatusCode.OK, spunUp.StatusCode);
            Assert.Equal(0, await next.EndAsync());
        }

        Assert.Empty(await killed.ContainersAsync());
        Assert.False(Directory.Exists(killed.Settings.Root));
        Assert.False(Directory.Exists(killed.Settings.Records));
    }

    [EngineTheory]
    [InlineData("deleted")]
    [InlineData("truncated")]
    public async Task Records_that_are_lost_cost_no_session(string how)
    {
        await using var killed = await TestService.StartAsync(engine.Endpoint);
        await killed.UpAsync("user");
        var before = await killed.ContainerAsync("user");
        await killed.Process.KillAsync();
        if (how == "deleted")
        {
            Directory.Delete(killed.Settings.Records, recursive: true);
        }
        else
        {
            await File.WriteAllTextAsync(Path.Combine(killed.Settings.Records, "user.json"), "{");
        }

        await using var next = await ServiceProcess.StartAsync(killed.Settings.With(("Host__OnLeftovers", "reattach")));

        Assert.Equal(before.Pid, (await killed.ContainerAsync("user")).Pid);
        Assert.Equal("Running", (string?)JsonNode.Parse(await next.Http.GetStringAsync("/v1/mandelboxes/user"))!["state"]);
        Assert.Equal(0, await next.EndAsync());
        Assert.Empty(await killed.ContainersAsync());
    }

    [EngineFact]
    public async Task One_that_died_with_the_service_is_removed_and_the_others_go_on()
    {
        await using var killed = await TestService.StartAsync(engine.Endpoint);
        await Task.WhenAll(killed.UpAsync("dead"), killed.UpAsync("alive"));
        await killed.Process.KillAsync();
        await DockerCommand.RunAsync(engine.Endpoint, "kill", "mandelboxes-demo-dead");

        await using var next = await ServiceProcess.StartAsync(killed.Settings.With(("Host__OnLeftovers", "reattach")));

        Assert.Equal(["mandelboxes-demo-alive"], (await killed.ContainersAsync()).Select(c => c.Name));
        Assert.False(Directory.Exists(Path.Combine(killed.Settings.Root, "dead")));
        Assert.True(Directory.Exists(Path.Combine(killed.Settings.Root, "alive", "userConfigs")));
        Assert.Equal(0, await next.EndAsync());
        Assert.False(Directory.Exists(killed.Settings.Root));
    }

    [Fact]
    public async Task A_full_host_takes_all_of_its_mandelboxes_over()
    {
        await using var instant = await InstantEngine.StartAsync(seed: 1);
        using var directory = new ScratchDirectory();
        var settings = ServiceSettings.Local(instant.Endpoint, directory);
        await using (var killed = await ServiceProcess.StartAsync(settings))
        {
            await Task.WhenAll(Enumerable.Range(0, 54).Select(async i =>
            {
                using var body = new StringContent(TestService.Body($"user-{i}").ToJsonString());
                using var answer = await killed.Http.PutAsync("/spin_up_mandelbox", body);
                Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
            }));
            await killed.KillAsync();
        }

        await using var next = await ServiceProcess.LaunchAsync(settings.With(("Host__OnLeftovers", "reattach")));
        await next.Log.LineAsync("Starting: take over the mandelboxes of the last run").WaitAsync(TimeSpan.FromSeconds(60));
        var begun = Stopwatch.GetTimestamp();
        await next.Log.LineAsync("Starting: warm up").WaitAsync(TimeSpan.FromSeconds(60));
        output.WriteLine($"54 mandelboxes were taken over in {Stopwatch.GetElapsedTime(begun).TotalMilliseconds:0} ms");
        await next.ReadyAsync();

        var host = JsonNode.Parse(await next.Http.GetStringAsync("/v1/host"))!;
        Assert.Equal((54, 54, 0), ((int)host["mandelboxes"]!, (int)host["ttys"]!["used"]!, (int)host["leaks"]!));
        Assert.Equal(0, await next.EndAsync());
        Assert.Equal(0, instant.Containers);
    }

    [EngineFact]
    public async Task The_reclaim_command_says_what_it_would_do_does_it_and_finds_nothing_then()
    {
        await using var killed = await TestService.StartAsync(engine.Endpoint);
        await killed.UpAsync("orphan");

        // Killed while it wrote a record.
        await File.WriteAllTextAsync(Path.Combine(killed.Settings.Records, ".another.json.0123"), "{");
        var running = await ServiceProcess.CommandAsync(killed.Settings.Environment, "reclaim");
        Assert.Equal(3, running.ExitCode);
        await killed.Process.KillAsync();

        var dry = await ServiceProcess.CommandAsync(killed.Settings.Environment, "reclaim", "--dry-run");
        Assert.Equal(0, dry.ExitCode);
        Assert.Contains("container mandelboxes-demo-orphan (running) of mandelbox orphan would be stopped and removed", dry.Output, StringComparison.Ordinal);

        // They are switched off here, so none would be saved.
        Assert.DoesNotContain("user configs", dry.Output, StringComparison.Ordinal);
        Assert.Contains($"directory {killed.Settings.Root} would be removed", dry.Output, StringComparison.Ordinal);
        Assert.True((await killed.ContainerAsync("orphan")).Running);

        var done = await ServiceProcess.CommandAsync(killed.Settings.Environment, "reclaim");
        Assert.True(done.ExitCode == 0, done.Errors);
        Assert.Empty(await killed.ContainersAsync());
        Assert.False(Directory.Exists(killed.Settings.Root));
        Assert.Empty(Directory.EnumerateFileSystemEntries(killed.Settings.Records));
        var explained = await ServiceProcess.CommandAsync(
            killed.Settings.With(("Gateway__Port", $"{TestPorts.Reserve()}")).Environment, "explain", "orphan");
        Assert.Contains(
            ": the service had crashed or was killed; its container still ran, and was ended. It lived for ",
            explained.Output.ReplaceLineEndings(" "),
            StringComparison.Ordinal);

        var again = await ServiceProcess.CommandAsync(killed.Settings.Environment, "reclaim");
        Assert.Equal((0, "nothing is left of an earlier run"), (again.ExitCode, again.Output));
    }
}
