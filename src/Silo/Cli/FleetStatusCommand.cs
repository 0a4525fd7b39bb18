using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using HostService.GrainInterfaces.Fleet;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service fleet status</c>: a fleet in some lines.</summary>
internal static class FleetStatusCommand
{
    public static Command Create()
    {
        var command = new Command(
            "status",
            "Say how a fleet is: its hosts by state, users and room, and the last rollout. Exit code 1: no host takes mandelboxes.");
        var service = new ServiceOptions(isFleet: true).AddTo(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            var hosts = await client.GetAsync<IReadOnlyList<FleetHost>>("/v1/fleet/hosts", cancellationToken);
            var (status, rollout) = await client.SendAsync(HttpMethod.Get, "/v1/fleet/rollout", null, cancellationToken);
            var last = status switch
            {
                HttpStatusCode.OK => TextOf(ServiceClient.Read<Rollout>(rollout)),
                HttpStatusCode.NotFound => null,
                _ => $"not known: {ServiceClient.Explain(status, rollout)}",
            };
            var facts = Facts(hosts, last);
            Console.WriteLine(parsed.GetValue(service.Json)
                ? new JsonObject(facts.Select(fact => KeyValuePair.Create(fact.Name, (JsonNode?)fact.Value))).ToJsonString()
                : string.Join('\n', facts.Select(fact => $"{fact.Name,-8} {fact.Value}")));
            return hosts.Any(host => host is { State: FleetHosts.Ready, Report.Free: > 0 }) ? ExitCodes.Ended : ExitCodes.Failed;
        }));
        return command;
    }

    private static IEnumerable<(string Name, string Value)> Facts(IReadOnlyList<FleetHost> hosts, string? rollout)
    {
        var there = hosts.Where(host => host.Away is null).ToList();
        var states = FleetHosts.States.Select(state => (State: state, Count: hosts.Count(host => host.State == state)))
            .Where(state => state.Count > 0)
            .Select(state => $"{state.Count} {state.State}");
        yield return ("hosts", hosts.Count == 0 ? "none has reported" : string.Join(", ", states));
        yield return ("users", string.Create(
            CultureInfo.InvariantCulture,
            $"{there.Sum(host => host.Report.Mandelboxes.Count)} of {there.Sum(host => host.Report.Capacity)}"));
        yield return ("free", Number(hosts.Where(host => host.State == FleetHosts.Ready).Sum(host => host.Report.Free)));
        yield return ("warm", Number(there.Sum(host => host.Report.Waiting.Values.Sum())));
        yield return ("versions", string.Join(
            ", ", hosts.GroupBy(host => host.Report.Version).OrderByDescending(v => v.Count()).Select(v => $"{v.Key} on {v.Count()}")));
        if (rollout is not null)
        {
            yield return ("rollout", rollout);
        }
    }

    private static string TextOf(Rollout rollout) =>
        $"{rollout.Version} {MetricLabels.Of(rollout.State)}{(rollout.Why is { } why ? $": {why}" : "")}";

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
