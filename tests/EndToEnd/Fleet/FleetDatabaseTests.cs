using System.Net;
using System.Text.Json.Nodes;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd.Fleet;

/// <summary>A fleet of several control silos, on a real PostgreSQL.</summary>
public sealed class FleetDatabaseTests
{
    [PostgresFact]
    public async Task A_control_silo_that_is_killed_costs_no_session_and_the_others_go_on()
    {
        await using var database = await PostgresServer.StartNewAsync();
        using var directory = new ScratchDirectory();
        var settings = new FleetAuthority(directory).SiloSettings(database);
        await InitAsync(database);
        await using var first = await FleetUnderTest.StartAsync(settings);
        await using var second = await FleetUnderTest.StartAsync(settings);
        var host = await first.AddHostAsync(4, ("Relay__Fleet", $"{first.Address},{second.Address}"));

        // Any gateway reaches any host.
        var (_, answer) = await second.PlaceAsync("a");
        Assert.Equal(host.Name, (string)answer["host"]!);
        Assert.Equal(answer.ToJsonString(), (await first.PlaceAsync("a")).Answer.ToJsonString());

        await first.Process.KillAsync();
        await second.UntilAsync(
            async () => (await second.PlaceAsync("b")).Status == HttpStatusCode.OK,
            () => $"nothing could be placed:\n{second.Process.Log.Text}\n{host.RelayLog}");
        Assert.Equal((HttpStatusCode.OK, answer.ToJsonString()), await TextOfAsync(second.PlaceAsync("a")));
        Assert.Equal(["a", "b"], (await host.MandelboxesAsync()).Order());

        // Without the relay, only the database knows where it is.
        await host.KillRelayAsync();
        await second.RestartAsync();
        var found = JsonNode.Parse(await second.Http.GetStringAsync("/v1/fleet/mandelboxes/a"))!;
        Assert.Equal(host.Name, (string)found["host"]!);
    }

    [PostgresFact]
    public async Task The_tables_are_made_once_and_a_fleet_without_them_says_how()
    {
        await using var database = await PostgresServer.StartNewAsync();
        using var directory = new ScratchDirectory();
        var environment = new Dictionary<string, string>
        {
            ["APP_ENV"] = "LOCALDEV",
            ["Gateway__Port"] = TestPorts.Reserve().ToString(),
            ["Orleans__SiloPort"] = TestPorts.Reserve().ToString(),
            ["Host__PrivateRoot"] = directory["private"],
            ["FleetDatabase__ConnectionString"] = database.ConnectionString,
        };

        var (code, _, errors) = await ServiceProcess.CommandAsync(environment, "fleet");
        Assert.Equal(3, code);
        Assert.Contains("host-service fleet init", errors, StringComparison.Ordinal);

        var (printed, statements, _) = await ServiceProcess.CommandAsync(environment, "fleet", "init", "--dry-run");
        Assert.Equal(0, printed);
        Assert.Contains("CREATE TABLE IF NOT EXISTS grain_state", statements, StringComparison.Ordinal);
        Assert.Equal(3, (await ServiceProcess.CommandAsync(environment, "fleet")).ExitCode);

        await InitAsync(database);
        await InitAsync(database);
    }

    [PostgresFact]
    public async Task A_silo_without_a_certificate_of_the_fleet_does_not_join()
    {
        await using var database = await PostgresServer.StartNewAsync();
        using var directory = new ScratchDirectory();
        var authority = new FleetAuthority(directory);
        await InitAsync(database);
        await using var fleet = await FleetUnderTest.StartAsync(authority.SiloSettings(database));
        await fleet.AddHostAsync();

        // The certificate of a host is good for clients only.
        foreach (var own in new (string, string)[][]
        {
            [],
            [("FleetSilo__CertificatePath", authority.Sign("host", isServer: false)), ("FleetSilo__CaPath", authority.Path)],
        })
        {
            await using var stranger = await FleetUnderTest.BeginAsync(
                [("FleetDatabase__ConnectionString", database.ConnectionString), .. own]);
            Assert.NotEqual(0, await stranger.Process.Exited.WaitAsync(TimeSpan.FromMinutes(2)));
        }

        await fleet.PlacedAsync("a");
    }

    internal static async Task InitAsync(PostgresServer database)
    {
        var (code, output, errors) = await ServiceProcess.CommandAsync(
            new Dictionary<string, string> { ["FleetDatabase__ConnectionString"] = database.ConnectionString }, "fleet", "init");
        Assert.True(code == 0, errors);
        Assert.Contains("host_service_fleet", output, StringComparison.Ordinal);
    }

    private static async Task<(HttpStatusCode Status, string Answer)> TextOfAsync(Task<(HttpStatusCode Status, JsonNode Answer)> call) =>
        ((await call).Status, (await call).Answer.ToJsonString());
}
