using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service explain</c>: what a mandelbox is doing, or why it ended, with all that is known of it.</summary>
internal static class ExplainCommand
{
    private const int LogLines = 10;

    public static Command Create()
    {
        var command = new Command(
            "explain",
            "Say what a mandelbox is doing, or why it ended: in a sentence, then what it holds, each step of its spin-up and its end, its "
            + "events, and the last lines that it has written. Where the service does not run: what its last run has left of it.");
        var id = new Argument<string>("id") { Description = "The mandelbox, living or gone; its id may be shortened." };
        command.Arguments.Add(id);
        var service = new ServiceOptions().AddTo(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            var (text, log) = await ReadAsync(client, service, parsed, parsed.GetValue(id)!, cancellationToken);
            var diagnostics = ServiceClient.Read<MandelboxDiagnostics>(text);
            var now = TimeProvider.System.GetUtcNow();
            var sentence = Explanation.Of(diagnostics.Mandelbox, now);
            if (parsed.GetValue(service.Json))
            {
                var all = JsonNode.Parse(text)!.AsObject();
                (all["explanation"], all["log"]) = (sentence, log);
                Console.WriteLine(all.ToJsonString());
            }
            else
            {
                Print(diagnostics, sentence, hasEvents: log is not null, now);
                PrintLog(diagnostics, log);
            }

            return ExitCodes.Ended;
        }));
        return command;
    }

    /// <summary>A mandelbox as JSON, and the end of its log; that is null where no service runs.</summary>
    private static async Task<(string Text, string? Log)> ReadAsync(
        ServiceClient client, ServiceOptions service, ParseResult parsed, string id, CancellationToken cancellationToken)
    {
        try
        {
            var whole = await client.FindIdAsync(id, alsoGone: true, cancellationToken);
            var text = await client.GetAsync($"/v1/mandelboxes/{whole}/timeline", cancellationToken);
            return (text, await LogAsync(client, whole, cancellationToken));
        }
        catch (ServiceAwayException) when (service.EndedHere(parsed) is { Count: > 0 } ended)
        {
            var whole = ServiceClient.FindId(id, ended.Select(e => e.Mandelbox.MandelboxId))
                ?? throw new ServiceClientException($"the service does not run, and its last run has not left the end of a mandelbox {id}");
            var found = ended.First(e => e.Mandelbox.MandelboxId == whole);
            return (JsonSerializer.Serialize(new MandelboxDiagnostics(found.Mandelbox, found.Steps, []), ServiceClient.Json), null);
        }
    }

    /// <summary>An engine that does not answer must not keep the rest from whoever asks why.</summary>
    private static async Task<string> LogAsync(ServiceClient client, string id, CancellationToken cancellationToken)
    {
        try
        {
            return await client.GetAsync($"/v1/mandelboxes/{id}/logs?tail={LogLines}", cancellationToken);
        }
        catch (ServiceClientException exception)
        {
            return $"(it could not be read: {exception.Message})";
        }
    }

    /// <summary>All but what it has written.</summary>
    public static void Print(MandelboxDiagnostics diagnostics, string sentence, bool hasEvents, DateTimeOffset now)
    {
        Screen.Write(sentence);
        foreach (var warning in diagnostics.Mandelbox.Warnings)
        {
            Screen.Write($"warning: {warning}");
        }

        var facts = new TextTable(new TextColumn(""), new TextColumn("", ColumnFit.Text));
        foreach (var (name, value) in FactsOf(diagnostics.Mandelbox))
        {
            facts.Add(new TextCell(name, Tone.Faint), value);
        }

        Console.WriteLine();
        Screen.Write(facts, hasHeader: false);
        Console.WriteLine();
        Screen.Write(MandelboxTables.Steps(new MandelboxTimeline(diagnostics.Mandelbox, diagnostics.Steps)));
        Console.WriteLine();
        if (hasEvents)
        {
            Screen.Write(MandelboxTables.Events(diagnostics.Events, now, ofOne: true));
            Console.WriteLine();
        }
    }

    private static void PrintLog(MandelboxDiagnostics diagnostics, string? log)
    {
        if (log is null)
        {
            Console.WriteLine("The service does not run. Its log has the rest; what the mandelbox wrote is in temp/logs below Host:Root.");
            return;
        }

        Console.WriteLine(log.Length > 0 ? "The last lines that it has written:"
            : diagnostics.Mandelbox.State == MandelboxState.Gone ? "Nothing is left of what it may have written."
            : "It has written nothing.");
        foreach (var line in log.Split('\n').Select(line => line.TrimEnd()).Where(line => line.Length > 0))
        {
            Console.WriteLine($"  {TextTable.Clean(line)}");
        }
    }

    private static IEnumerable<(string Name, string? Value)> FactsOf(MandelboxDescription mandelbox)
    {
        var lease = mandelbox.Lease;
        yield return ("state", $"{mandelbox.State}");
        yield return ("user", mandelbox.UserId);
        yield return ("session", $"{mandelbox.SessionId}");
        yield return ("TTY", $"{lease?.Tty}");
        yield return ("GPU", lease is { GpuIndex: >= 0 and var gpu } ? $"{gpu}" : null);
        yield return ("ports", string.Join(", ", (lease?.Ports ?? []).Select(
            p => $"{p.MandelboxPort}/{p.Transport.ToString().ToLowerInvariant()} on {p.HostPort}")));
        yield return ("sandbox", lease?.Sandbox);
        yield return ("container", mandelbox.ContainerId);
        yield return ("exit code", $"{mandelbox.ExitCode}");
    }
}
