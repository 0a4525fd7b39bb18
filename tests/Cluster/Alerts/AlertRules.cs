using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.RegularExpressions;
using HostService.Tests.Support;

namespace HostService.Tests.Cluster.Alerts;

/// <summary>The rules of deploy/grafana/alerts.yml, as Prometheus evaluates them on what was scraped of a host.</summary>
internal static partial class AlertRules
{
    private const string Faulty = "faulty:4678";
    private const string Healthy = "healthy:4678";

    /// <summary>For so long the host is healthy: longer than any rule looks back or waits.</summary>
    private const int MinutesBefore = 65;

    /// <summary>For so long the last scrape holds: longer than any rule waits.</summary>
    private const int MinutesAfter = 30;

    private static readonly string Path = FindRules();

    /// <summary>The text of each rule, by its name.</summary>
    private static readonly OrderedDictionary<string, string> Rules = new(Rule().Matches(File.ReadAllText(Path))
        .Select(rule => KeyValuePair.Create(rule.Groups["name"].Value, rule.Value)));

    /// <summary>What the rules ask for: promtool is faster without the rest.</summary>
    private static readonly HashSet<string> Metrics = [.. Metric().Matches(string.Concat(Rules.Values)).Select(metric => metric.Value)];

    public static IEnumerable<string> Names => Rules.Keys;

    /// <summary>
    /// Takes one scrape a minute: the first one again and again while the host is well, then the others, and the last one again and again.
    /// A second host stays as it was.
    /// </summary>
    /// <returns>
    /// Null if before the fault no alert fires, and afterwards this one for this host only and with every label that it tells; otherwise
    /// what promtool says.
    /// </returns>
    public static async Task<string?> WhyNotFiringAsync(string alert, IReadOnlyList<Scrape> scrapes, ScratchDirectory directory)
    {
        List<Scrape> faulty =
            [.. Enumerable.Repeat(scrapes[0], MinutesBefore), .. scrapes.Skip(1), .. Enumerable.Repeat(scrapes[^1], MinutesAfter)];
        var end = faulty.Count - 1;
        var file = directory[$"{alert}.json"];
        var labels = Told().Matches(Rules[alert]).Select(label => label.Groups["label"].Value).Distinct();
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(new
        {
            rule_files = new[] { Path },
            evaluation_interval = "1m",
            tests = new[]
            {
                new
                {
                    name = alert,
                    interval = "1m",
                    input_series = Series(alert, Faulty, faulty)
                        .Concat(Series(alert, Healthy, [.. Enumerable.Repeat(scrapes[0], faulty.Count)])),
                    promql_expr_test = new[]
                    {
                        Expect("", MinutesBefore - 1, MinutesBefore - 1),
                        Expect(
                            $", alertname=\"{alert}\"{string.Concat(labels.Select(label => $", {label}!=\"\""))}",
                            end,
                            end - MinutesBefore,
                            $$"""{alertname="{{alert}}", instance="{{Faulty}}"}"""),
                    },
                },
            },
        }));
        var (code, output) = await RunAsync("test", "rules", file);
        return code == 0 ? null : output;
    }

    private static object Expect(string matchers, int at, int minutes, params string[] firing) => new
    {
        expr = $"max by (alertname, instance) (max_over_time(ALERTS{{alertstate=\"firing\"{matchers}}}[{minutes}m]))",
        eval_time = $"{at}m",
        exp_samples = firing.Select(labels => new { labels, value = 1 }),
    };

    private static IEnumerable<object> Series(string alert, string instance, List<Scrape> scrapes)
    {
        var samples = scrapes.Select(scrape => scrape.Samples()).ToList();
        var aged = Age().Match(Rules[alert]).Groups["metric"].Value;
        var asked = samples.SelectMany(sample => sample.Keys).Distinct().Where(series => Metrics.Contains(series[..series.IndexOf('{')]));
        return asked.Select(series => new
        {
            series = series.Insert(series.IndexOf('{') + 1, $"instance=\"{instance}\",job=\"host-service\","),
            values = string.Join(' ', Enumerable.Range(0, samples.Count).Select(minute => ValueOf(series, minute))),
        });

        string ValueOf(string series, int minute)
        {
            if (!samples[minute].TryGetValue(series, out var value))
            {
                return "_";
            }

            // Prometheus' time is 0 at the first scrape: what the rule subtracts from it keeps its age.
            var sinceThen = series.StartsWith($"{aged}{{", StringComparison.Ordinal)
                ? (60 * minute) - (scrapes[minute].At.ToUnixTimeMilliseconds() / 1000.0)
                : 0;
            return (value + sinceThen).ToString("R", CultureInfo.InvariantCulture);
        }
    }

    private static async Task<(int Code, string Output)> RunAsync(params string[] arguments)
    {
        using var promtool = Process.Start(new ProcessStartInfo(Needs.Program("promtool")!, arguments)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var texts = await Task.WhenAll(promtool.StandardOutput.ReadToEndAsync(), promtool.StandardError.ReadToEndAsync());
        await promtool.WaitForExitAsync();
        return (promtool.ExitCode, string.Concat(texts));
    }

    private static string FindRules([CallerFilePath] string thisFile = "") =>
        System.IO.Path.GetFullPath("../../../../deploy/grafana/alerts.yml", thisFile);

    [GeneratedRegex(
        @"^ +- alert: (?<name>\w+)\n(?<rest>(?! +- alert: ).*\n)*",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex Rule();

    [GeneratedRegex(@"\b(host_service_\w+|up)\b", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Metric();

    [GeneratedRegex(@"\$labels\.(?<label>\w+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Told();

    [GeneratedRegex(@"\btime\(\) - (?<metric>\w+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Age();
}
