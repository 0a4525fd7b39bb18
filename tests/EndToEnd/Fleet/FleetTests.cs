using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd.Fleet;

/// <summary>A fleet as its callers see it, with the real processes.</summary>
public sealed class FleetTests
{
    [Fact]
    public async Task A_session_is_placed_found_and_ended_wherever_it_is()
    {
        await using var fleet = await FleetUnderTest.StartAsync();
        var (one, other) = (await fleet.AddHostAsync(), await fleet.AddHostAsync());

        var (status, answer) = await fleet.PlaceAsync("a");
        Assert.True(status == HttpStatusCode.OK, $"{answer}");
        var host = (string)answer["host"]! == one.Name ? one : other;
        Assert.Equal(["a"], await host.MandelboxesAsync());
        Assert.NotEqual("", (string)answer["address"]!);
        Assert.Equal(32, ((string)answer["result"]!["aes_key"]!).Length);

        // Repeated, it is the same one.
        Assert.Equal((HttpStatusCode.OK, answer.ToJsonString()), await TextOfAsync(fleet.PlaceAsync("a")));

        // Spread: the other host is emptier.
        Assert.NotEqual(host.Name, await fleet.PlacedAsync("b"));

        var found = JsonNode.Parse(await fleet.Http.GetStringAsync("/v1/fleet/mandelboxes/a"))!;
        Assert.Equal(host.Name, (string)found["host"]!);

        using (var ended = await fleet.Http.DeleteAsync("/v1/fleet/mandelboxes/a"))
        {
            Assert.Equal(HttpStatusCode.NoContent, ended.StatusCode);
        }

        Assert.Empty(await host.MandelboxesAsync());
        using var gone = await fleet.Http.GetAsync("/v1/fleet/mandelboxes/a");
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
    }

    [Fact]
    public async Task Packed_sessions_fill_one_host_and_a_full_fleet_says_so()
    {
        await using var fleet = await FleetUnderTest.StartAsync(("Fleet__Order", "Pack"));
        await fleet.AddHostAsync(slots: 2);
        await fleet.AddHostAsync(slots: 2);

        var hosts = new List<string>();
        foreach (var id in new[] { "a", "b", "c", "d" })
        {
            hosts.Add(await fleet.PlacedAsync(id));
        }

        Assert.Equal(hosts[0], hosts[1]);
        Assert.Equal(hosts[2], hosts[3]);
        Assert.NotEqual(hosts[0], hosts[2]);

        var (status, answer) = await fleet.PlaceAsync("e");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Contains(hosts[0], (string)answer["error"]!, StringComparison.Ordinal);
        Assert.Contains(hosts[2], (string)answer["error"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_session_outlives_its_hosts_relay_and_the_fleet_itself()
    {
        await using var fleet = await FleetUnderTest.StartAsync();
        var host = await fleet.AddHostAsync();
        var (_, first) = await fleet.PlaceAsync("a");

        await host.KillRelayAsync();
        await fleet.UntilHostAsync(host, "away");
        var (status, answer) = await fleet.PlaceAsync("a");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Contains(host.Name, (string)answer["error"]!, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await fleet.PlaceAsync("b")).Status);
        Assert.Equal(["a"], await host.MandelboxesAsync());

        await host.StartRelayAsync(fleet.Address);
        await fleet.UntilHostAsync(host, "ready");
        Assert.Equal((HttpStatusCode.OK, first.ToJsonString()), await TextOfAsync(fleet.PlaceAsync("a")));

        // A fleet without a database forgets its placements; the hosts' reports tell it of them.
        await fleet.RestartAsync();
        await fleet.UntilHostAsync(host, "ready");
        Assert.Equal((HttpStatusCode.OK, first.ToJsonString()), await TextOfAsync(fleet.PlaceAsync("a")));
    }

    [Fact]
    public async Task A_host_that_is_killed_is_away_and_others_take_its_place()
    {
        await using var fleet = await FleetUnderTest.StartAsync();
        var (killed, other) = (await fleet.AddHostAsync(slots: 8), await fleet.AddHostAsync(slots: 4));

        await killed.Service.KillAsync();
        await fleet.UntilHostAsync(killed, "away");

        Assert.Equal(other.Name, await fleet.PlacedAsync("a"));
        var (status, answer) = await fleet.PlaceAsync("b", ("host", killed.Name));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Contains(killed.Name, (string)answer["error"]!, StringComparison.Ordinal);

        // One that never comes back is removed by an operator.
        using (var alive = await fleet.Http.DeleteAsync($"/v1/fleet/hosts/{other.Name}"))
        {
            Assert.Equal(HttpStatusCode.Conflict, alive.StatusCode);
        }

        using (var gone = await fleet.Http.DeleteAsync($"/v1/fleet/hosts/{killed.Name}"))
        {
            Assert.Equal(HttpStatusCode.NoContent, gone.StatusCode);
        }

        Assert.Null(await fleet.HostAsync(killed.Name));
    }

    [Fact]
    public async Task A_host_that_drains_gets_no_sessions_until_the_drain_is_cancelled()
    {
        await using var fleet = await FleetUnderTest.StartAsync();
        var (drained, other) = (await fleet.AddHostAsync(slots: 8), await fleet.AddHostAsync(slots: 4));
        Assert.Equal(drained.Name, await fleet.PlacedAsync("stays"));

        using (var drains = await fleet.Http.PostAsync($"/v1/fleet/hosts/{drained.Name}/drain", null))
        {
            Assert.Equal(HttpStatusCode.Accepted, drains.StatusCode);
        }

        await fleet.UntilHostAsync(drained, "draining");
        Assert.Equal(other.Name, await fleet.PlacedAsync("a"));
        Assert.Equal(["stays"], await drained.MandelboxesAsync());

        using (var cancelled = await fleet.Http.DeleteAsync($"/v1/fleet/hosts/{drained.Name}/drain"))
        {
            Assert.Equal(HttpStatusCode.NoContent, cancelled.StatusCode);
        }

        await fleet.UntilHostAsync(drained, "ready");
        Assert.Equal(drained.Name, await fleet.PlacedAsync("b"));
    }

    [Fact]
    public async Task A_request_that_cannot_be_met_is_refused_with_the_reason()
    {
        await using var fleet = await FleetUnderTest.StartAsync(("Fleet__AwayAfter", "00:00:05"));
        await fleet.AddHostAsync();
        (string Field, string Value, string Reason)[] requests =
        [
            ("mandelbox_id", "../a", "mandelbox_id"),
            ("app_name", "", "app_name is missing"),
            ("host", "no such host", "host must be the name of a host"),
            ("host", "unknown", "unknown"),
            ("order", "random", "order must be spread or pack"),
            ("region", "nowhere", "nowhere"),
            ("gpu", "none such", "none such"),
        ];

        foreach (var (field, value, reason) in requests)
        {
            // A fleet that is new refuses nothing for good for want of hosts.
            var (status, answer) = (HttpStatusCode.OK, (JsonNode?)null);
            await fleet.UntilAsync(
                async () =>
                {
                    (status, answer) = await fleet.PlaceAsync("a", (field, value));
                    return status != HttpStatusCode.ServiceUnavailable;
                },
                () => $"{status} {answer}");
            Assert.Equal(HttpStatusCode.NotAcceptable, status);
            Assert.Contains(reason, (string)answer!["error"]!, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_operator_uses_the_command_line()
    {
        await using var fleet = await FleetUnderTest.StartAsync();
        var host = await fleet.AddHostAsync(4, ("Systemd__Systemctl", "/nowhere/systemctl"));

        async Task<string> RunAsync(int expected, params string[] arguments)
        {
            var (code, output, errors) = await ServiceProcess.CommandAsync(
                new Dictionary<string, string>(), ["fleet", .. arguments, "--address", fleet.Address]);
            Assert.True(code == expected, $"{code}: {output}{errors}");
            return (output + errors).ReplaceLineEndings(" ");
        }

        Assert.Contains($"a is up on {host.Name}", await RunAsync(0, "place", "--id", "a", "--order", "pack"), StringComparison.Ordinal);
        Assert.Contains("order must be", await RunAsync(1, "place", "--order", "none"), StringComparison.Ordinal);
        await fleet.UntilAsync(
            async () => (int)(await fleet.HostAsync(host.Name))!["report"]!["free"]! == 3, () => "the host did not report that it has less room");
        Assert.Contains("3/4", await RunAsync(0, "hosts"), StringComparison.Ordinal);
        Assert.Matches("hosts +1 ready users +1 of 4 free +3 ", await RunAsync(0, "status"));
        Assert.Contains(host.Name, await RunAsync(0, "ps"), StringComparison.Ordinal);
        var explained = await RunAsync(0, "explain", "a");
        Assert.Contains($"on host {host.Name}", explained, StringComparison.Ordinal);
        Assert.Contains("runs, for", explained, StringComparison.Ordinal);
        Assert.Contains("a has ended", await RunAsync(0, "stop", "a"), StringComparison.Ordinal);
        Assert.Contains("an operator ended it", await RunAsync(0, "explain", "a"), StringComparison.Ordinal);
        Assert.Contains("no such mandelbox", await RunAsync(1, "explain", "b"), StringComparison.Ordinal);
        Assert.Contains("no such mandelbox", await RunAsync(1, "stop", "a"), StringComparison.Ordinal);
        Assert.Contains("no such host", await RunAsync(1, "drain", "none"), StringComparison.Ordinal);
        Assert.Contains("no rollout", await RunAsync(1, "rollout"), StringComparison.Ordinal);
        Assert.Contains("the version must be", await RunAsync(1, "rollout", "--to", "a/b"), StringComparison.Ordinal);
        var (withoutValue, _, complaint) = await ServiceProcess.CommandAsync(new Dictionary<string, string>(), "fleet", "rollout", "--to");
        Assert.Equal(2, withoutValue);
        Assert.Contains("--to", complaint, StringComparison.Ordinal);
        Assert.Contains("go with --to", await RunAsync(2, "rollout", "--min-free", "3"), StringComparison.Ordinal);
        Assert.Contains("Give one of", await RunAsync(2, "rollout", "--to", "9.9", "--abort"), StringComparison.Ordinal);
        var halted = await RunAsync(1, "rollout", "--to", "9.9", "--min-free", "0", "--wait");
        Assert.Matches($"9.9: halted, 0 of 1 hosts have it; {host.Name}: .*/nowhere/systemctl cannot be run", halted);
        Assert.Contains("9.9: aborted", await RunAsync(0, "rollout", "--abort"), StringComparison.Ordinal);
        Assert.Contains("is draining", await RunAsync(0, "drain", host.Name), StringComparison.Ordinal);
        await fleet.UntilHostAsync(host, "away");
        Assert.Matches("hosts +1 away .*rollout +9.9 aborted", await RunAsync(1, "status"));
    }

    [Fact]
    public async Task A_fleet_is_monitored_as_a_host_is()
    {
        await using var fleet = await FleetUnderTest.StartAsync();
        await fleet.AddHostAsync(slots: 3);
        await fleet.PlacedAsync("a");
        using var refused = await fleet.Http.PostAsJsonAsync("/v1/fleet/mandelboxes", RunningService.SpinUp("a", session: 2));
        Assert.Equal(HttpStatusCode.NotAcceptable, refused.StatusCode);

        Assert.Contains("alive", await fleet.Http.GetStringAsync("/healthz"), StringComparison.Ordinal);
        Assert.Contains("ready", await fleet.Http.GetStringAsync("/readyz"), StringComparison.Ordinal);
        Assert.Contains("1 of 1", await fleet.Http.GetStringAsync("/ops"), StringComparison.Ordinal);
        var metrics = await fleet.Http.GetStringAsync("/metrics");
        Assert.Contains("host_service_fleet_hosts{state=\"ready\"} 1", metrics, StringComparison.Ordinal);
        Assert.Matches(@"\nhost_service_fleet_capacity\S* 3\n", metrics);
        Assert.Contains("host_service_fleet_placement_duration_seconds_count{result=\"placed\"} 1", metrics, StringComparison.Ordinal);
        Assert.Contains("host_service_fleet_placement_duration_seconds_count{result=\"refused\"} 1", metrics, StringComparison.Ordinal);
        Assert.Contains("host_service_fleet_rollout{state=\"halted\"} 0", metrics, StringComparison.Ordinal);
        var document = JsonNode.Parse(await fleet.Http.GetStringAsync("/openapi/v1.json"))!;
        Assert.Equal("Host service fleet", (string)document["info"]!["title"]!);
        Assert.NotNull(document["paths"]!["/v1/fleet/mandelboxes"]!["post"]);
        Assert.Null(document["paths"]!["/spin_up_mandelbox"]);
        using var missing = await fleet.Http.GetAsync("/v1/fleet/nothing");
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
    }

    [Fact]
    public async Task A_host_needs_its_own_certificate()
    {
        using var ours = new ScratchDirectory();
        using var theirs = new ScratchDirectory();
        var (authority, stranger) = (new FleetAuthority(ours), new FleetAuthority(theirs));
        await using var fleet = await FleetUnderTest.StartAsync(("FleetGateway__HostCaPath", authority.Path));
        await using var host = await FleetMember.StartAsync(slots: 2);

        async Task RefusedAsync(params (string Key, string Value)[] relay)
        {
            await host.StartRelayAsync(fleet.Address, relay);
            await host.RelayLineAsync($"Not connected to {fleet.Address}");
            await host.KillRelayAsync();
            Assert.Null(await fleet.HostAsync(host.Name));
        }

        await RefusedAsync();
        await RefusedAsync(("Relay__CertificatePath", stranger.Sign(host.Name)));
        await RefusedAsync(("Relay__CertificatePath", authority.Sign("another-host")));
        Assert.Contains("another-host", fleet.Process.Log.Text, StringComparison.Ordinal);

        await host.StartRelayAsync(fleet.Address, ("Relay__CertificatePath", authority.Sign(host.Name)));
        await fleet.UntilHostAsync(host, "ready");
        Assert.Equal(host.Name, await fleet.PlacedAsync("a"));
    }

    private static async Task<(HttpStatusCode Status, string Answer)> TextOfAsync(Task<(HttpStatusCode Status, JsonNode Answer)> call) =>
        ((await call).Status, (await call).Answer.ToJsonString());
}
