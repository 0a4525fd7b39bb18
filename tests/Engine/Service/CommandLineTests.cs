using System.Text.Json.Nodes;
using HostService.Tests.Support;

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
        Assert.Matches($@"typed\s+Running\s+{EngineFixture.DemoApp}\s.*32262:{port}", status.Output);
        var json = JsonNode.Parse((await AskAsync("status", "--json")).Output)!;
        Assert.Equal("typed", (string)json["mandelboxes"]!.AsArray().Single()!["mandelboxId"]!);

        Assert.Equal((0, "typed has ended", ""), await AskAsync("stop", "typed"));
        Assert.Contains("no mandelboxes", (await AskAsync("status")).Output, StringComparison.Ordinal);
        var history = await AskAsync("history", "--limit", "1");
        Assert.Matches($"^[^ ]+  typed  {EngineFixture.DemoApp}  Operator: an operator asked for it$", history.Output);
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
            new[] { "run", "status", "doctor", "spin-up", "stop", "drain", "gpus", "gateway", "version" },
            command => Assert.Matches($@"(?m)^  {command}\b", output));
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
