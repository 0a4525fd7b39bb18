using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service logs</c>: what a mandelbox has written.</summary>
internal static class LogsCommand
{
    public static Command Create()
    {
        var command = new Command(
            "logs",
            "Print the last lines that a mandelbox has written: its container's output, or what one that has gone has left in its "
            + "directory of logs.");
        var id = new Argument<string>("id") { Description = "The mandelbox, living or gone; its id may be shortened." };
        var tail = NumberOption.Create("--tail", "How many lines", MandelboxLogs.UsualLines, MandelboxLogs.MostLines);
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on with what a living one writes, until it ends." };
        command.Arguments.Add(id);
        command.Options.Add(tail);
        command.Options.Add(follow);
        var service = new ServiceOptions().AddTo(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            if (parsed.GetValue(follow))
            {
                ProgramFile.LoadAllAssemblies();
            }

            var whole = await client.FindIdAsync(parsed.GetValue(id)!, alsoGone: true, cancellationToken);
            var follows = parsed.GetValue(follow) ? "&follow=true" : "";
            using var request = new HttpRequestMessage(
                HttpMethod.Get, $"/v1/mandelboxes/{whole}/logs?tail={parsed.GetValue(tail)}{follows}");
            using var response = await client.OpenAsync(request, cancellationToken);
            await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
            await (parsed.GetValue(service.Json)
                ? PrintJsonAsync(stream, whole, cancellationToken)
                : PrintAsync(stream, cancellationToken));
            return ExitCodes.Ended;
        }));
        return command;
    }

    private static async Task PrintAsync(Stream text, CancellationToken cancellationToken)
    {
        await using var output = Console.OpenStandardOutput();
        await text.CopyToAsync(output, cancellationToken);
    }

    /// <summary>An object a line, for as long as there are any.</summary>
    private static async Task PrintJsonAsync(Stream text, string id, CancellationToken cancellationToken)
    {
        using var lines = new StreamReader(text);
        while (await lines.ReadLineAsync(cancellationToken) is { } line)
        {
            Console.WriteLine(new JsonObject { ["mandelboxId"] = id, ["line"] = line }.ToJsonString(JsonSerializerOptions.Web));
        }
    }
}
