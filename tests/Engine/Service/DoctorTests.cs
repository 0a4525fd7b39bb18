using System.Diagnostics;
using System.Text.Json.Nodes;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>What nobody takes care of is found and mended, and <c>host-service doctor</c> tells of it.</summary>
[Collection(EngineCollection.Name)]
public sealed class DoctorTests(EngineFixture engine)
{
    [EngineFact]
    public async Task A_service_that_is_well_has_no_differences_and_one_with_a_directory_of_nobody_has_one_until_it_is_removed()
    {
        await using var service = await TestService.StartAsync(
            engine.Endpoint, ("Consistency__CheckInterval", "01:00:00"), ("Consistency__GracePeriod", "00:00:00"));
        await service.UpAsync("user");
        var well = await AskAsync(service, "--json");
        Assert.True(well.ExitCode == 0, well.Output);
        Assert.Empty(JsonNode.Parse(well.Output)!["differences"]!.AsArray());
        Assert.Contains(JsonNode.Parse(well.Output)!["checks"]!.AsArray(), c => (string?)c!["name"] == "engine" && (string?)c["outcome"] == "Ok");

        Directory.CreateDirectory(Path.Combine(service.Settings.Root, "nobody", "userConfigs"));
        var ill = await AskAsync(service);
        Assert.Equal(1, ill.ExitCode);
        Assert.Matches(@"(?m)^consistency +FAILED +1 difference$", ill.Output);
        Assert.Matches(@"(?m)^directory +mandelbox nobody: nobody belongs to no mandelbox, since ", ill.Output);

        await service.GoneAsync("nobody");
        Assert.False(Directory.Exists(Path.Combine(service.Settings.Root, "nobody")));
        Assert.Equal(0, (await AskAsync(service)).ExitCode);
        Assert.Equal("Running", (string?)(await service.GetAsync("/v1/mandelboxes/user"))["state"]);
    }

    [EngineFact]
    public async Task A_container_that_is_removed_by_hand_costs_its_mandelbox_and_leaves_no_difference()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint, ("Consistency__CheckInterval", "00:00:00.2"));
        await service.UpAsync("removed");

        await DockerCommand.RunAsync(engine.Endpoint, "rm", "-f", "mandelboxes-demo-removed");

        await service.GoneAsync("removed");
        Assert.Equal(0, (await AskAsync(service)).ExitCode);
        await service.AssertNothingIsLeftAsync();
    }

    [PrivateEngineFact]
    public async Task A_process_that_dies_while_the_engine_is_stuck_ends_its_mandelbox_and_the_rest_follows_once_the_engine_answers()
    {
        await using var daemon = await EngineFixture.StartOwnAsync();
        await using var service = await TestService.StartAsync(
            daemon.Endpoint,
            ("Consistency__CheckInterval", "00:00:00.2"), ("Consistency__GracePeriod", "00:00:00"), ("Docker__CallTimeout", "00:00:05"),
            ("Docker__SlowCallTimeout", "00:00:10"), ("Mandelbox__RetryAfter", "00:00:00.2"), ("Mandelbox__RetryAtMost", "00:00:01"),
            ("Mandelbox__StopGrace", "00:00:01"));
        await Task.WhenAll(service.UpAsync("dead"), service.UpAsync("alive"));
        var pid = (int)(await service.Engine.InspectAsync("mandelboxes-demo-dead", default))!.Pid;

        // It has seen the processes by then.
        await service.GetAsync("/v1/doctor");

        await daemon.PauseAsync();
        try
        {
            using var process = Process.GetProcessById(pid);
            process.Kill();
            await service.Process.Log.LineAsync("Mandelbox dead: Running -> Dying").WaitAsync(TimeSpan.FromSeconds(60));
        }
        finally
        {
            await daemon.ResumeAsync();
        }

        await service.GoneAsync("dead");
        Assert.Contains("has ended, which the engine has not said", service.Process.Log.Text, StringComparison.Ordinal);
        Assert.Equal("Running", (string?)(await service.GetAsync("/v1/mandelboxes/alive"))["state"]);
        Assert.Equal(0, await service.Process.EndAsync());
    }

    [EngineFact]
    public async Task Without_a_service_this_machine_is_checked_and_what_a_crash_left_is_named()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint, ("Gateway__Port", $"{TestPorts.Reserve()}"));
        await service.Process.KillAsync();

        var settings = new Dictionary<string, string>(service.Settings.Environment) { ["Telemetry__OtlpEndpoint"] = "http://127.0.0.1:1" };
        var (code, output, errors) = await ServiceProcess.CommandAsync(settings, "doctor");

        Assert.Equal((1, ""), (code, errors));
        Assert.Matches(@"(?m)^telemetry +FAILED +Connection refused", output);
        Assert.Matches(@"(?m)^service +FAILED +No host service answers at ", output);
        Assert.Matches(@"(?m)^engine +ok +answers in ", output);
        Assert.Matches(@"(?m)^directories +FAILED .* was left by a run that did not end cleanly$", output);
        Assert.DoesNotContain("consistency", output, StringComparison.Ordinal);
    }

    private static Task<(int ExitCode, string Output, string Errors)> AskAsync(TestService service, params string[] arguments) =>
        ServiceProcess.CommandAsync(
            new Dictionary<string, string>(), ["doctor", .. arguments, "--address", service.Process.Address.ToString()]);
}
