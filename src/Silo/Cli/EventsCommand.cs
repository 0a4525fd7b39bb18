using System.CommandLine;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service events</c>: what happened on the host, and with <c>-f</c> what happens.</summary>
internal static class EventsCommand
{
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    public static Command Create()
    {
        var command = new Command("events", "List what happened on the host, the newest last; 1,000 events are kept.");
        var limit = NumberOption.Create("--limit", "How many", 50, HostEvents.Kept);
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on with each event as it happens, until interrupted." };
        command.Options.Add(limit);
        command.Options.Add(follow);
        var service = new ServiceOptions().AddTo(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            var text = await client.GetAsync($"/v1/events?limit={parsed.GetValue(limit)}", cancellationToken);
            var events = ServiceClient.Read<IReadOnlyList<HostEvent>>(text);
            if (parsed.GetValue(follow))
            {
                await FollowAsync(client, events, parsed.GetValue(service.Json), cancellationToken);
            }
            else if (parsed.GetValue(service.Json))
            {
                Console.WriteLine(text);
            }
            else
            {
                Screen.Write(MandelboxTables.Events(events, TimeProvider.System.GetUtcNow()));
            }

            return ExitCodes.Ended;
        }));
        return command;
    }

    /// <summary>Until it is interrupted: a service that restarts is waited for.</summary>
    private static async Task FollowAsync(
        ServiceClient client, IReadOnlyList<HostEvent> events, bool asJson, CancellationToken cancellationToken)
    {
        ProgramFile.LoadAllAssemblies();
        foreach (var happened in events)
        {
            Print(happened, asJson);
        }

        var last = events is [.., var newest] ? newest.Sequence : 0;
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await foreach (var happened in ReadAsync(client, last, cancellationToken))
                {
                    last = happened.Sequence;
                    Print(happened, asJson);
                }

                await Console.Error.WriteLineAsync("host-service: the stream has ended; trying again");
            }
            catch (Exception exception)
                when (exception is ServiceClientException or IOException && !cancellationToken.IsCancellationRequested)
            {
                await Console.Error.WriteLineAsync($"host-service: {exception.Message}; trying again");
            }

            await Task.Delay(RetryPause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async IAsyncEnumerable<HostEvent> ReadAsync(
        ServiceClient client, long after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/events");
        request.Headers.Add("Accept", "text/event-stream");
        request.Headers.Add("Last-Event-ID", $"{after}");
        using var response = await client.OpenAsync(request, cancellationToken);
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        await foreach (var item in SseParser.Create(stream).EnumerateAsync(cancellationToken))
        {
            yield return ServiceClient.Read<HostEvent>(item.Data);
        }
    }

    private static void Print(HostEvent happened, bool asJson)
    {
        if (asJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(happened, ServiceClient.Json));
        }
        else
        {
            Screen.Write(MandelboxTables.Events([happened], now: null), hasHeader: false);
        }
    }
}
