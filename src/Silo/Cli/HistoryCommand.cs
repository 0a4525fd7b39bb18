using System.CommandLine;
using System.Net;
using System.Text.Json.Nodes;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service history</c>: the mandelboxes that have gone, and why.</summary>
internal static class HistoryCommand
{
    public static Command Create()
    {
        var command = new Command("history", "List the mandelboxes that have gone since the service started, and why; the newest first.");
        var limit = new Option<int>("--limit") { Description = "How many, 1 to 1000.", DefaultValueFactory = _ => 20 };
        command.Options.Add(limit);
        var service = new ServiceOptions().AddTo(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            var (status, text) = await client.SendAsync(
                HttpMethod.Get, $"/v1/history?limit={parsed.GetValue(limit)}", null, cancellationToken);
            if (status != HttpStatusCode.OK)
            {
                return await ServiceClient.FailedAsync(status, text);
            }

            foreach (var mandelbox in JsonNode.Parse(text)!.AsArray().OfType<JsonNode>())
            {
                string?[] columns =
                [
                    (string?)mandelbox["since"], (string?)mandelbox["mandelboxId"], (string?)mandelbox["appName"] ?? "-",
                    $"{mandelbox["endCause"]}: {mandelbox["endReason"]}",
                ];
                Console.WriteLine(string.Join("  ", columns));
            }

            return ExitCodes.Ended;
        }));
        return command;
    }
}
