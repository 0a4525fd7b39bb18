using System.Collections.Concurrent;
using System.CommandLine;
using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service bench</c>: how long spin-ups take on this host, from outside and step by step.</summary>
internal static class BenchCommand
{
    private const int MostMandelboxes = 10_000;
    private const int MostAtOnce = 54;

    // The figures of what the caller waits for; the others have the names of steps.
    private const string SpinUp = "spin-up";
    private const string Stop = "stop";

    public static Command Create()
    {
        var command = new Command(
            "bench",
            "Spin mandelboxes up on a running service and stop them, and say how long that took: as the caller saw it, and each step. "
            + "They need places: a host in use has fewer for its users meanwhile.");
        var app = SpinUpCommand.App();
        var userToken = SpinUpCommand.UserToken();
        var count = NumberOption.Create("--count", "How many mandelboxes", 20, MostMandelboxes);
        var atOnce = NumberOption.Create("--at-once", "How many callers at once", 1, MostAtOnce);
        foreach (var option in new Option[] { app, userToken, count, atOnce })
        {
            command.Options.Add(option);
        }

        var service = new ServiceOptions().AddTo(command);
        command.SetAction((parsed, _) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            using var interrupted = new CancellationTokenSource();
            using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
            using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
            await MeasureAsync(
                client,
                id => SpinUpCommand.Body(parsed.GetValue(app)!, id, session: 1, configToken: null, parsed.GetValue(userToken)),
                parsed.GetValue(count),
                parsed.GetValue(atOnce),
                parsed.GetValue(service.Json),
                interrupted.Token);
            return interrupted.IsCancellationRequested ? ExitCodes.Failed : ExitCodes.Ended;

            // The mandelboxes of the moment are stopped first.
            void Interrupt(PosixSignalContext signal)
            {
                signal.Cancel = true;
                interrupted.Cancel();
            }
        }));
        return command;
    }

    /// <summary>
    /// The first failure ends it, and so does an interrupt, after which the figures so far are printed. What was spun up is stopped in
    /// every case; what could not be is named.
    /// </summary>
    private static async Task MeasureAsync(
        ServiceClient client, Func<string, object> body, int count, int atOnce, bool asJson, CancellationToken interrupted)
    {
        // Who may not stop them must not begin: the wire wants another credential.
        await client.GetAsync("/v1/host", interrupted);
        var durations = new ConcurrentDictionary<string, ConcurrentBag<double>>(StringComparer.Ordinal);
        var begun = new ConcurrentDictionary<string, bool>(StringComparer.Ordinal);
        var run = RandomNumberGenerator.GetHexString(6, lowercase: true);
        var done = 0;
        var work = Parallel.ForEachAsync(
            Enumerable.Range(1, count),
            new ParallelOptions { MaxDegreeOfParallelism = atOnce, CancellationToken = interrupted },
            async (number, token) =>
            {
                var id = $"bench-{run}-{number}";
                begun[id] = true;
                try
                {
                    var began = Stopwatch.GetTimestamp();
                    var (status, text) = await client.SendAsync(HttpMethod.Put, "/spin_up_mandelbox", body(id), token);
                    Add(SpinUp, Stopwatch.GetElapsedTime(began));
                    if (status != HttpStatusCode.OK)
                    {
                        throw new ServiceClientException($"{id} was not spun up ({(int)status}): {SpinUpCommand.Reason(text)}");
                    }
                }
                finally
                {
                    // Also when the caller has given up: its answer may have been on the way.
                    var began = Stopwatch.GetTimestamp();
                    var (status, _) = await client.SendAsync(HttpMethod.Delete, $"/v1/mandelboxes/{id}", null, CancellationToken.None);
                    if (status == HttpStatusCode.NoContent)
                    {
                        Add(Stop, Stopwatch.GetElapsedTime(began));
                    }

                    // Not found: it was refused.
                    if (status is HttpStatusCode.NoContent or HttpStatusCode.NotFound)
                    {
                        begun.TryRemove(id, out var _);
                    }
                }

                var life = await client.GetAsync<MandelboxDiagnostics>($"/v1/mandelboxes/{id}/timeline", token);
                foreach (var step in life.Steps.Where(step => step.Milliseconds is not null))
                {
                    Add(step.Undo ? $"undo {step.Name}" : step.Name, TimeSpan.FromMilliseconds(step.Milliseconds!.Value));
                }

                Screen.Progress($"{Interlocked.Increment(ref done)} of {count}");
            });
        await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Screen.Progress("");
        if (!begun.IsEmpty)
        {
            await Console.Error.WriteLineAsync($"host-service: not stopped: {string.Join(", ", begun.Keys.Order())}");
        }

        if (!interrupted.IsCancellationRequested)
        {
            await work;
        }

        Print(durations, asJson);

        void Add(string what, TimeSpan took) => durations.GetOrAdd(what, _ => []).Add(took.TotalMilliseconds);
    }

    private static void Print(ConcurrentDictionary<string, ConcurrentBag<double>> durations, bool asJson)
    {
        var figures = durations
            .Select(d => new BenchFigure(d.Key, d.Value.Count, At(d.Value, 0.5), At(d.Value, 0.95), At(d.Value, 0.99), d.Value.Max()))
            .OrderBy(figure => figure.What switch { SpinUp => 0, Stop => 1, _ => 2 })
            .ThenBy(figure => figure.What.StartsWith("undo ", StringComparison.Ordinal))
            .ThenByDescending(figure => figure.P50)
            .ToList();
        if (asJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(figures, ServiceClient.Json));
            return;
        }

        var table = new TextTable(new(""), new("TIMES"), new("50 %"), new("95 %"), new("99 %"), new("LONGEST"));
        foreach (var figure in figures)
        {
            table.Add(
                figure.What, $"{figure.Times}", Words(figure.P50), Words(figure.P95), Words(figure.P99), Words(figure.Longest));
        }

        Screen.Write(table);
    }

    private static string Words(double milliseconds) => Durations.InWords(TimeSpan.FromMilliseconds(milliseconds));

    private static double At(IEnumerable<double> values, double part)
    {
        var sorted = values.Order().ToList();
        return sorted[(int)Math.Ceiling(sorted.Count * part) - 1];
    }

    /// <summary>In milliseconds.</summary>
    private sealed record BenchFigure(string What, int Times, double P50, double P95, double P99, double Longest);
}
