using System.CommandLine;
using System.Text.Json;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service history</c>: the mandelboxes that have gone, and why.</summary>
internal static class HistoryCommand
{
    public static Command Create()
    {
        var command = new Command(
            "history",
            "List the mandelboxes that have gone since the machine started, and why; the newest first. Where the service does not run: "
            + "those of its last run.");
        var limit = NumberOption.Create("--limit", "How many", 20, MandelboxHistory.Length);
        command.Options.Add(limit);
        var service = new ServiceOptions().AddTo(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            var text = await ReadAsync(client, service, parsed, parsed.GetValue(limit), cancellationToken);
            if (parsed.GetValue(service.Json))
            {
                Console.WriteLine(text);
                return ExitCodes.Ended;
            }

            var gone = ServiceClient.Read<IReadOnlyList<MandelboxDescription>>(text);
            if (gone.Count == 0)
            {
                Console.WriteLine("no mandelbox has gone since the machine started");
                return ExitCodes.Ended;
            }

            Screen.Write(MandelboxTables.Gone(gone, TimeProvider.System.GetUtcNow()));
            return ExitCodes.Ended;
        }));
        return command;
    }

    private static async Task<string> ReadAsync(
        ServiceClient client, ServiceOptions service, ParseResult parsed, int limit, CancellationToken cancellationToken)
    {
        try
        {
            return await client.GetAsync($"/v1/history?limit={limit}", cancellationToken);
        }
        catch (ServiceAwayException) when (service.EndedHere(parsed) is { Count: > 0 } ended)
        {
            await Console.Error.WriteLineAsync("host-service: the service does not run; this is what its last run has left");
            return JsonSerializer.Serialize(ended.Take(limit).Select(e => e.Mandelbox), ServiceClient.Json);
        }
    }
}
