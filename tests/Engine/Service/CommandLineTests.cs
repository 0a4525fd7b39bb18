using System.Net;
using System.Text.Json.Nodes;
using HostService.GrainInterfaces;
using HostService.Infrastructure;
using HostService.Infrastructure.Storage.Records;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace HostService.Tests.Engine.Service;

/// <summary>What an operator types.</summary>
[Collection(EngineCollection.Name)]
public sealed class CommandLineTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    private static readonly Dictionary<string, string> Nothing = [];

    private TestService Service => fixture.Service;

    [EngineFact]
    public void The_ready_line_is_what_others_wait_for()
    {
        Assert.Matches(@"^host-service ready on https://127\.0\.0\.1:\d+ \(LOCALDEV, 54 slots\)$", Service.Process.ReadyLine);
        Assert.Equal(Service.Process.ReadyLine, Service.Process.Output.Text);
    }

    [EngineFact]
    public async Task A_mandelbox_is_spun_up_seen_and_stopped_by_command()
    {
        var up = await AskAsync("spin-up", "--app", EngineFixture.DemoApp, "--id", "typed", "--dpi", "120", "--json");
        Assert.True(up.ExitCode == 0, up.Errors);
        var port = (int)JsonNode.Parse(up.Output)!["result"]!["port_32262"]!;

        var status = await AskAsync("status");
        Assert.Equal(0, status.ExitCode);
        Assert.Contains("slots 1/54", status.Output, StringComparison.Ordinal);
        Assert.Matches($@"typed\s+Running\s+\d+s ago\s+{EngineFixture.DemoApp}\s+\d+\s+-\s+{port} ", status.Output);
        Assert.All(status.Output.Split('\n'), line => Assert.InRange(line.Length, 1, 80));
        Assert.Equal(status.Output.Split('\n')[^2..], (await AskAsync("ps")).Output.Split('\n'));
        var json = JsonNode.Parse((await AskAsync("status", "--json")).Output)!;
        Assert.Equal("typed", (string)json["mandelboxes"]!.AsArray().Single()!["mandelboxId"]!);

        Assert.Equal((0, "typed has ended", ""), await AskAsync("stop", "typ"));
        Assert.Contains("no mandelboxes", (await AskAsync("status")).Output, StringComparison.Ordinal);
        var history = await AskAsync("history", "--limit", "1");
        Assert.Matches($@"\n\d+s ago  typed      {EngineFixture.DemoApp}  \d+s     Operator  an operator asked for it$", history.Output);
        var gone = JsonNode.Parse((await AskAsync("history", "--limit", "1", "--json")).Output)!.AsArray().Single()!;
        Assert.Equal(("typed", "Operator"), ((string)gone["mandelboxId"]!, (string)gone["endCause"]!));
        await Service.AssertNothingIsLeftAsync();
    }

    [EngineFact]
    public async Task What_cannot_be_done_is_told_with_its_reason_and_exit_code_1()
    {
        var missing = await AskAsync("spin-up", "--app", "mandelboxes/nowhere");
        Assert.Equal((1, ""), (missing.ExitCode, missing.Output));
        Assert.Contains("mandelboxes/nowhere", missing.Errors, StringComparison.Ordinal);

        var unknown = await AskAsync("stop", "unknown");
        Assert.Equal((1, "host-service: there is no mandelbox unknown"), (unknown.ExitCode, unknown.Errors));
        foreach (var command in new[] { "explain", "logs" })
        {
            Assert.Equal((1, "", "host-service: there is no mandelbox unknown"), await AskAsync(command, "unknown"));
        }
    }

    [EngineFact]
    public async Task A_bench_says_how_long_each_step_took_and_leaves_nothing()
    {
        var (code, output, errors) = await AskAsync("bench", "--count", "4", "--at-once", "2", "--json");
        Assert.True(code == 0, errors);
        var figures = JsonNode.Parse(output)!.AsArray();
        Assert.Equal(["spin-up", "stop"], figures.Take(2).Select(figure => (string)figure!["what"]!));
        foreach (var what in new[] { "spin-up", "stop", "create", "undo create" })
        {
            var figure = figures.Single(f => (string)f!["what"]! == what)!;
            Assert.Equal(4, (int)figure["times"]!);
            Assert.InRange((double)figure["p50"]!, double.Epsilon, (double)figure["longest"]!);
        }

        var ofTwo = JsonNode.Parse((await AskAsync("bench", "--count", "2", "--json")).Output)![0]!;
        Assert.InRange((double)ofTwo["p50"]!, double.Epsilon, Math.BitDecrement((double)ofTwo["longest"]!));

        var table = (await AskAsync("bench", "--count", "1")).Output.Split('\n');
        Assert.Matches(@"^\s+TIMES  50 % +95 % +99 % +LONGEST$", table[0]);
        Assert.Matches(@"^spin-up +1  ", table[1]);

        var (failed, _, why) = await AskAsync("bench", "--app", "mandelboxes/nowhere");
        Assert.Equal(1, failed);
        Assert.Matches(@"host-service: bench-\w{6}-1 was not spun up \(406\): .*mandelboxes/nowhere", why);
        await Service.AssertNothingIsLeftAsync();
    }

    [EngineFact]
    public async Task A_bench_that_is_interrupted_stops_what_it_has_begun()
    {
        await using var bench = await ServiceProcess.BeginCommandAsync(
            Nothing, "bench", "--count", "10000", "--address", Service.Process.Address.ToString());
        await Service.Process.Log.LineAsync("Mandelbox bench-").WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal(1, await bench.EndAsync());

        Assert.Contains("LONGEST", bench.Output.Text, StringComparison.Ordinal);
        await Service.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task A_bench_whose_service_is_killed_names_what_it_could_not_stop()
    {
        await using var instant = await InstantEngine.StartAsync(seed: 1);
        using var directory = new ScratchDirectory();
        await using var killed = await ServiceProcess.StartAsync(ServiceSettings.Local(instant.Endpoint, directory));
        await using var bench = await ServiceProcess.BeginCommandAsync(
            Nothing, "bench", "--count", "10000", "--at-once", "20", "--address", killed.Address.ToString());
        await killed.Log.LineAsync("Mandelbox bench-").WaitAsync(TimeSpan.FromSeconds(60));

        await killed.KillAsync();

        Assert.Equal(1, await bench.Exited);
        await bench.Log.LineAsync("host-service: not stopped: bench-").WaitAsync(TimeSpan.FromSeconds(60));
    }

    [EngineFact]
    public async Task An_id_may_be_shortened_where_it_is_unambiguous()
    {
        await Service.UpAsync("short-1");
        await Service.UpAsync("short-2");

        var ambiguous = await AskAsync("stop", "short");
        var explained = await AskAsync("explain", "short-1");

        Assert.Equal((1, "host-service: short may be short-1, short-2: give more of the id"), (ambiguous.ExitCode, ambiguous.Errors));
        Assert.StartsWith($"short-1 ({EngineFixture.DemoApp}) runs, for ", explained.Output, StringComparison.Ordinal);
        Assert.Equal(0, (await AskAsync("stop", "short-1")).ExitCode);
        Assert.Equal((0, "short-2 has ended", ""), await AskAsync("stop", "sho"));
        await Service.AssertNothingIsLeftAsync();
    }

    [EngineFact]
    public async Task A_living_one_is_explained_with_what_it_holds_its_steps_its_events_and_its_last_lines()
    {
        await Service.UpAsync("told");
        var container = await Service.ContainerAsync("told");

        var explained = (await AskAsync("explain", "told")).Output;
        var log = await AskAsync("logs", "told", "--tail", "1");
        var json = await AskAsync("logs", "told", "--tail", "1", "--json");
        Assert.Equal(0, (await AskAsync("stop", "told")).ExitCode);

        Assert.Matches($@"\ncontainer +{container.Id}\n", explained);
        Assert.Matches(@"\nstart +\+.* m?s +-\n", explained);
        Assert.Matches(@"\n\d+s ago +Mandelbox +running after ", explained);
        Assert.Matches(@"\n  .*demo", explained);
        Assert.Equal((0, ""), (log.ExitCode, log.Errors));
        Assert.Equal(log.Output, (string)JsonNode.Parse(json.Output)!["line"]!);
        Assert.StartsWith("==> demo.log <==\n", (await AskAsync("logs", "told")).Output, StringComparison.Ordinal);
        await Service.AssertNothingIsLeftAsync();
    }

    [EngineFact]
    public async Task Events_are_listed_and_followed()
    {
        await Service.UpAsync("watched");
        var listed = await AskAsync("events", "--limit", "1");
        Assert.Matches(@"^WHEN +KIND +MANDELBOX +EVENT\n\d+s ago +Mandelbox +watched +running after .*s$", listed.Output);
        var json = JsonNode.Parse((await AskAsync("events", "--json", "--limit", "2")).Output)!.AsArray();
        Assert.Equal(["Connecting", "Running"], json.Select(e => (string)e!["state"]!));

        var settings = new ServiceSettings(new Dictionary<string, string> { ["Gateway__Port"] = $"{Service.Process.Address.Port}" });
        await using var following = await ServiceProcess.LaunchAsync(settings, "events", "-f", "--limit", "1");
        await following.Output.LineAsync("running after ").WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(HttpStatusCode.NoContent, await Service.DeleteAsync("watched"));

        var gone = await following.Output.LineAsync("all that it held is given back").WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Matches(@"^\d\d:\d\d:\d\d  Mandelbox  watched", gone);
        await following.KillAsync();
        await Service.AssertNothingIsLeftAsync();
    }

    [EngineFact]
    public async Task Logs_are_followed_until_their_mandelbox_ends()
    {
        await Service.UpAsync("writes");
        var settings = new ServiceSettings(new Dictionary<string, string> { ["Gateway__Port"] = $"{Service.Process.Address.Port}" });
        await using var following = await ServiceProcess.LaunchAsync(settings, "logs", "writes", "-f");
        await following.Output.LineAsync("demo").WaitAsync(TimeSpan.FromSeconds(60));
        await DockerCommand.RunAsync(
            Service.EngineAddress, "exec", (await Service.ContainerAsync("writes")).Id, "sh", "-c", "echo a line of its own > /proc/1/fd/1");

        await following.Output.LineAsync("a line of its own").WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(HttpStatusCode.NoContent, await Service.DeleteAsync("writes"));

        Assert.Equal(0, await following.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        await Service.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task A_shell_completes_commands_and_options()
    {
        var script = await ServiceProcess.CommandAsync(Nothing, "completion", "bash");
        Assert.Contains("complete -F _host_service host-service", script.Output, StringComparison.Ordinal);
        Assert.Contains("compdef _host_service host-service", (await ServiceProcess.CommandAsync(Nothing, "completion", "zsh")).Output, StringComparison.Ordinal);

        var commands = await ServiceProcess.CommandAsync(Nothing, "[suggest:16]", "host-service exp");
        var options = await ServiceProcess.CommandAsync(Nothing, "[suggest:22]", "host-service logs --fo");

        Assert.Equal((0, "explain"), (commands.ExitCode, commands.Output));
        Assert.Equal((0, "--follow"), (options.ExitCode, options.Output));
    }

    [Fact]
    public async Task A_service_that_does_not_run_is_told_of()
    {
        var (code, _, errors) = await ServiceProcess.CommandAsync(
            Nothing, "status", "--address", $"https://127.0.0.1:{TestPorts.Reserve()}");

        Assert.Equal(1, code);
        Assert.Contains("No host service answers at https://127.0.0.1:", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("version")]
    [InlineData("--version")]
    public async Task The_version_names_what_it_runs_on(string how)
    {
        var (code, output, _) = await ServiceProcess.CommandAsync(Nothing, how);

        Assert.Equal(0, code);
        Assert.Matches(@"^host-service \d+\.\d+\.\d+.* on \.NET 10\.", output);
    }

    [Fact]
    public async Task Help_lists_every_command()
    {
        var (code, output, _) = await ServiceProcess.CommandAsync(Nothing, "--help");

        Assert.Equal(0, code);
        Assert.All(
            new[]
            {
                "run", "status", "doctor", "ps", "history", "explain", "events", "logs", "spin-up", "stop", "drain", "gpus", "gateway",
                "bench", "completion", "version",
            },
            command => Assert.Matches($@"(?m)^  {command}\b", output));
    }

    [Fact]
    public async Task Without_a_service_an_id_is_looked_for_in_what_the_last_run_has_left_and_that_is_said()
    {
        using var scratch = new ScratchDirectory();
        var host = new HostOptions { Root = scratch["fractal"], RuntimeRoot = scratch["run"] };
        var left = new EndedMandelboxes(host.EndedFile, NullLogger.Instance);
        foreach (var id in new[] { "left-1", "left-2" })
        {
            left.Add(new MandelboxTimeline(
                new MandelboxDescription
                {
                    MandelboxId = id,
                    State = MandelboxState.Gone,
                    Since = DateTimeOffset.UtcNow,
                    CreatedAt = DateTimeOffset.UtcNow,
                },
                []));
        }

        var settings = new Dictionary<string, string>
        {
            ["Host__Root"] = host.Root,
            ["Host__RuntimeRoot"] = host.RuntimeRoot,
            ["Gateway__Port"] = $"{TestPorts.Reserve()}",
        };
        var history = await ServiceProcess.CommandAsync(settings, "history");

        Assert.Equal(
            (1, "", "host-service: left may be left-2, left-1: give more of the id"),
            await ServiceProcess.CommandAsync(settings, "explain", "left"));
        Assert.Equal(
            (1, "", "host-service: the service does not run, and its last run has not left the end of a mandelbox right"),
            await ServiceProcess.CommandAsync(settings, "explain", "right"));
        Assert.Equal((0, "host-service: the service does not run; this is what its last run has left"), (history.ExitCode, history.Errors));
        Assert.Equal(3, history.Output.Split('\n').Length);
    }

    [Fact]
    public async Task A_machine_without_gpus_is_no_error()
    {
        var (code, output, errors) = await ServiceProcess.CommandAsync(
            new Dictionary<string, string> { ["Gpu__NvmlLibrary"] = "libno-such-library.so.1" }, "gpus", "--json");

        Assert.True(code == 0, errors);
        Assert.Empty(JsonNode.Parse(output)!["gpus"]!.AsArray());
    }

    [Theory]
    [InlineData("spin-up", "--no-such-option")]
    [InlineData("stop")]
    [InlineData("stop", "one", "--host")]
    [InlineData("stop", "one", "--force")]
    [InlineData("drain", "one")]
    [InlineData("doctor", "one")]
    [InlineData("run", "--not-a-setting")]
    [InlineData("bench", "--count", "0")]
    [InlineData("bench", "--at-once", "55")]
    [InlineData("bench", "--count", "many")]
    [InlineData("upgrade", "--timeout", "long")]
    [InlineData("history", "--limit", "0")]
    [InlineData("nonsense")]
    public async Task Bad_usage_ends_with_2_and_points_at_the_help(params string[] arguments)
    {
        var (code, output, errors) = await ServiceProcess.CommandAsync(Nothing, arguments);

        Assert.Equal((2, ""), (code, output));
        Assert.Contains("--help", errors, StringComparison.Ordinal);
    }

    private Task<(int ExitCode, string Output, string Errors)> AskAsync(params string[] arguments) =>
        ServiceProcess.CommandAsync(Nothing, [.. arguments, "--address", Service.Process.Address.ToString()]);
}
