using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd.Fleet;

public sealed class FleetRolloutTests
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(4);

    [InstalledProgramFact]
    public async Task Five_hosts_get_another_version_under_their_sessions_and_a_bad_one_halts_at_the_first_host_which_takes_it_back()
    {
        using var directory = new ScratchDirectory();
        var version = await OtherVersion.WriteAsync(directory["host-service"]);
        // Fleet and command each run from a file that is replaced under them, as an upgrade of the machine does.
        string[] programs = [directory["replaced-fleet"], directory["replaced-command"]];
        foreach (var program in programs)
        {
            ExecutableFile.Copy(ServiceProcess.Program, program);
        }

        await using var fleet = await FleetUnderTest.StartAsync(machine: null, [], programs[0]);
        ExecutableFile.WriteScript(programs[0], "exit 7");
        var hosts = new List<UpgradableHost>();
        try
        {
            for (var i = 0; i < 5; i++)
            {
                var host = await UpgradableHost.StartAsync(fleet.Address);
                hosts.Add(host);
                await fleet.UntilAsync(async () => await fleet.HostAsync(host.Name) is not null, () => host.Log);
                await fleet.PlacedAsync($"session{i}", ("host", host.Name));
                host.Release(version, $"exec {directory["host-service"]} \"$@\"");
                host.Release("8.0", "[ \"$1\" = version ] && echo host-service 8.0 && exit\nexit 7");
            }

            var sessions = await SessionsAsync(hosts);
            var old = await VersionsAsync(fleet);
            Assert.Single(old.Distinct());

            Assert.Equal(HttpStatusCode.Accepted, await StartAsync(fleet, version));
            await UntilAsync(fleet, "Done", hosts);
            Assert.Equal(Enumerable.Repeat(version, 5), await VersionsAsync(fleet));
            Assert.Equal(sessions, await SessionsAsync(hosts));

            await using var command = await ServiceProcess.LaunchProgramAsync(
                programs[1],
                new ServiceSettings(new Dictionary<string, string> { ["HOST_SERVICE_TOKEN"] = ServiceProcess.Secret }),
                "fleet", "rollout", "--to", "8.0", "--max-unavailable", "2", "--wait", "--address", fleet.Address, "--insecure");
            await command.Log.LineAsync(": upgrading");
            ExecutableFile.WriteScript(programs[1], "exit 7");
            var halted = await UntilAsync(fleet, "Halted", hosts);
            Assert.True(await command.Exited == 1, $"{await command.Exited}: {command.Output.Text}{command.Log.Text}");
            Assert.StartsWith("8.0: halted", command.Output.Text, StringComparison.Ordinal);
            Assert.Matches("^[^ ]+: .*the new version is not ready: it ended with exit code 7.*the old version is ready again", (string)halted["why"]!);
            Assert.Equal(HttpStatusCode.Conflict, await StartAsync(fleet, version));
            Assert.Equal(
                ["Failed", "Pending", "Pending", "Pending", "Pending"],
                halted["hosts"]!.AsArray().Select(host => (string)host!["state"]!).Order());
            Assert.Equal(Enumerable.Repeat(version, 5), await VersionsAsync(fleet));
            Assert.Equal(sessions, await SessionsAsync(hosts));

            Assert.Equal(HttpStatusCode.NoContent, (await fleet.Http.DeleteAsync("/v1/fleet/rollout")).StatusCode);
            await fleet.PlacedAsync("after");
        }
        finally
        {
            foreach (var host in hosts)
            {
                await host.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task What_makes_no_sense_is_refused_with_the_reason()
    {
        await using var fleet = await FleetUnderTest.StartAsync();

        Assert.Equal(HttpStatusCode.NotFound, (await fleet.Http.GetAsync("/v1/fleet/rollout")).StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, (await fleet.Http.DeleteAsync("/v1/fleet/rollout")).StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, (await fleet.Http.PostAsync("/v1/fleet/rollout/resume", null)).StatusCode);
        foreach (var (body, expected) in new[]
        {
            ("""{"version":"../sh"}""", "the version must be"),
            ("""{"version":null}""", "the version must be"),
            ("""{"version":"2","maxUnavailable":0}""", "maxUnavailable is 0"),
            ("""{"version":"2","minFree":-1}""", "minFree is -1"),
            ("""{"version":"2","maxUnavaliable":7}""", "maxUnavaliable"),
            ("""{"version":"2","maxUnavailable":99999999999}""", "maxUnavailable"),
            ("{", "the body is no rollout"),
            ("null", "the body must be a JSON object"),
            ("[]", "the body is no rollout"),
            ("", "the body is no rollout"),
            ("{}", "the version must be"),
        })
        {
            // As curl sends it.
            using var content = new StringContent(body, null, "application/x-www-form-urlencoded");
            using var response = await fleet.Http.PostAsync("/v1/fleet/rollout", content);
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            Assert.Contains(expected, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }

    private static async Task<HttpStatusCode> StartAsync(FleetUnderTest fleet, string version)
    {
        using var response = await fleet.Http.PostAsJsonAsync("/v1/fleet/rollout", new { version, maxUnavailable = 2 });
        return response.StatusCode;
    }

    private static async Task<JsonNode> UntilAsync(FleetUnderTest fleet, string state, List<UpgradableHost> hosts)
    {
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        var began = Stopwatch.GetTimestamp();
        JsonNode rollout;
        do
        {
            await pace.WaitForNextTickAsync();
            rollout = JsonNode.Parse(await fleet.Http.GetStringAsync("/v1/fleet/rollout"))!;
        }
        while ((string)rollout["state"]! == "Running" && Stopwatch.GetElapsedTime(began) < Longest);

        Assert.True(
            (string)rollout["state"]! == state,
            $"{rollout}\n{fleet.Process.Log.Text}\n{string.Join('\n', hosts.Select(host => host.Log))}");
        return rollout;
    }

    private static async Task<IReadOnlyList<string>> SessionsAsync(List<UpgradableHost> hosts)
    {
        var sessions = new List<string>();
        foreach (var host in hosts)
        {
            sessions.Add(await host.SessionsAsync());
        }

        return sessions;
    }

    private static async Task<IReadOnlyList<string>> VersionsAsync(FleetUnderTest fleet) =>
        [.. JsonNode.Parse(await fleet.Http.GetStringAsync("/v1/fleet/hosts"))!.AsArray().Select(host => (string)host!["report"]!["version"]!)];
}
