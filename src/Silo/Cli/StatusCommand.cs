using System.CommandLine;
using System.Net;
using System.Text.Json.Nodes;
using HostService.Silo.Hosting;
using Spectre.Console;

namespace HostService.Silo.Cli;

/// <summary><c>host-service status</c>: what a running service says of itself.</summary>
internal static class StatusCommand
{
    public static Command Create()
    {
        var command = new Command("status", "Show a running service: its state, its pools and its mandelboxes.");
        var service = new ServiceOptions().AddTo(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            var host = await client.SendAsync(HttpMethod.Get, "/v1/host", null, cancellationToken);
            var mandelboxes = await client.SendAsync(HttpMethod.Get, "/v1/mandelboxes", null, cancellationToken);
            foreach (var (status, body) in new[] { host, mandelboxes })
            {
                if (status != HttpStatusCode.OK)
                {
                    return await ServiceClient.FailedAsync(status, body);
                }
            }

            if (parsed.GetValue(service.Json))
            {
                var both = new JsonObject { ["host"] = JsonNode.Parse(host.Body), ["mandelboxes"] = JsonNode.Parse(mandelboxes.Body) };
                Console.WriteLine(both.ToJsonString());
            }
            else
            {
                Print(JsonNode.Parse(host.Body)!, JsonNode.Parse(mandelboxes.Body)!);
            }

            return ExitCodes.Ended;
        }));
        return command;
    }

    private static void Print(JsonNode host, JsonNode mandelboxes)
    {
        var head = new[] { host["identity"]?["instanceName"], host["status"], host["environment"], host["version"] };
        Console.WriteLine(string.Join("  ", head.Select(Text)));
        Console.WriteLine(
            $"slots {Pool(host["slots"])}, TTYs {Pool(host["ttys"])}, "
            + $"tcp ports {Pool(host["tcpPorts"])}, udp ports {Pool(host["udpPorts"])}");
        foreach (var why in host["notReady"]?.AsArray() ?? [])
        {
            Console.WriteLine($"not ready: {Text(why)}");
        }

        var list = mandelboxes as JsonArray ?? mandelboxes["mandelboxes"]?.AsArray() ?? [];
        if (list.Count == 0)
        {
            Console.WriteLine("no mandelboxes");
            return;
        }

        var table = new Table().Border(TableBorder.None);
        foreach (var column in new[] { "MANDELBOX", "STATE", "APP", "USER", "TTY", "GPU", "PORTS", "SINCE" })
        {
            table.AddColumn(new TableColumn(column).NoWrap());
        }

        foreach (var box in list)
        {
            var lease = box?["lease"];
            var ports = (lease?["ports"]?.AsArray() ?? []).Select(p => $"{Text(p?["mandelboxPort"])}:{Text(p?["hostPort"])}");
            table.AddRow(new[]
            {
                Text(box?["mandelboxId"]), Text(box?["state"]), Text(box?["appName"]), Text(box?["userId"]), Text(lease?["tty"]),
                Text(lease?["gpuIndex"]), string.Join(' ', ports), Text(box?["since"]),
            }.Select(Markup.Escape).ToArray());
        }

        if (Console.IsOutputRedirected)
        {
            // A pipe has no width; keep each row on one line.
            AnsiConsole.Profile.Width = 1000;
        }

        AnsiConsole.Write(table);
    }

    private static string Pool(JsonNode? pool) => $"{Text(pool?["used"])}/{Text(pool?["capacity"])}";

    private static string Text(JsonNode? node) => node?.ToString() ?? "-";
}
