using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using HostService.Tests.Support;
using HostService.Tests.Unit.Documentation;

namespace HostService.Tests.Unit.Deploy;

/// <summary>The alerts for Prometheus and the dashboard for Grafana ask for what the service exposes.</summary>
public sealed partial class AlertTests
{
    private static readonly string Folder = Path.Combine(Pages.Root, "deploy", "grafana");

    /// <summary>Labels that Prometheus adds, or that are those of a histogram.</summary>
    private static readonly string[] AnyMetrics = ["instance", "job", "le"];

    private static readonly string[] RuleFiles = ["alerts.yml", "fleet-alerts.yml"];

    public static TheoryData<string> Alerts => new(AlertName().Matches(Rules()).Select(alert => alert.Groups["name"].Value));

    [Fact]
    public void Every_metric_and_label_of_the_alerts_is_one_of_the_services() => AssertExposed(Expressions());

    [Theory]
    [InlineData("dashboard.json", 20)]
    [InlineData("fleet-dashboard.json", 10)]
    public void Every_metric_and_label_of_a_dashboard_is_one_of_the_services(string file, int atLeast)
    {
        var expressions = Texts(JsonNode.Parse(Read(file))!, "expr", "query").ToList();

        Assert.True(expressions.Count > atLeast);
        AssertExposed(expressions);
    }

    [Theory]
    [MemberData(nameof(Alerts))]
    public void An_alert_says_what_is_wrong_and_what_to_do_and_has_its_section_in_the_runbook(string alert)
    {
        var rule = RuleOf(alert);

        foreach (var field in new[] { "summary", "description", "severity" })
        {
            Assert.Matches($@"(?m)^ +{field}: \S", rule);
        }

        var runbook = Runbook().Match(rule);
        Assert.True(runbook.Success, $"{alert} names no section of docs/runbook.md");
        Assert.Equal(alert.ToLowerInvariant(), runbook.Groups["anchor"].Value);
        Assert.Contains(runbook.Groups["anchor"].Value, Pages.Anchors(Path.Combine(Pages.Root, "docs", "runbook.md")));
    }

    /// <summary>What the file asserts of it: that it fires for the host named bad, and for no other one.</summary>
    [Theory]
    [MemberData(nameof(Alerts))]
    public void An_alert_is_tested(string alert)
    {
        var tests = string.Concat(RuleFiles.Select(file => Read(TestsOf(file))));

        Assert.Contains($"ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"", tests, StringComparison.Ordinal);
        Assert.Matches($$"""expr: ALERTS{alertname="{{alert}}", alertstate="firing"}""", tests);
    }

    [NeedsTheory("promtool")]
    [InlineData("alerts.yml")]
    [InlineData("fleet-alerts.yml")]
    public void Prometheus_takes_the_rules_each_of_which_fires_where_it_should_and_nowhere_else(string file)
    {
        Assert.Equal((0, ""), Promtool("check", "rules", file));
        Assert.Equal((0, ""), Promtool("test", "rules", TestsOf(file)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Every_exit_code_has_its_section_in_the_runbook(int code) =>
        Assert.Contains($"exit-code-{code}", Pages.Anchors(Path.Combine(Pages.Root, "docs", "runbook.md")));

    private static void AssertExposed(IEnumerable<string> expressions)
    {
        var documented = MetricsTable.Read();
        var faults = new List<string>();
        foreach (var expression in expressions)
        {
            var metrics = Metric().Matches(expression).Select(metric => metric.Value).ToList();
            var known = metrics.Select(Find).ToList();
            faults.AddRange(metrics.Where(name => Find(name) is null).Select(name => $"{name} is no metric: {expression}"));
            var labels = known.OfType<DocumentedMetric>().SelectMany(metric => metric.Labels).Concat(AnyMetrics).ToHashSet();
            faults.AddRange(LabelsIn(expression)
                .Where(label => !labels.Contains(label))
                .Select(label => $"{label} is no label: {expression}"));
            foreach (Match matched in MetricWithLabels().Matches(expression))
            {
                var name = matched.Groups["metric"].Value;
                faults.AddRange(LabelInBraces().Matches(matched.Groups["labels"].Value)
                    .Select(label => label.Groups["label"].Value)
                    .Where(label => Find(name)?.Labels.Contains(label) != true && !AnyMetrics.Contains(label))
                    .Select(label => $"{name} has no label {label}: {expression}"));
            }
        }

        Assert.Equal([], faults);

        DocumentedMetric? Find(string name) =>
            documented.GetValueOrDefault(name) ?? documented.GetValueOrDefault(MetricsTable.Family(name));
    }

    private static IEnumerable<string> LabelsIn(string expression) => Grouping().Matches(expression)
        .SelectMany(grouping => grouping.Groups["labels"].Value.Split(',', StringSplitOptions.RemoveEmptyEntries))
        .Select(label => label.Trim());

    /// <summary>The expressions of the rules, each on one or more lines.</summary>
    private static List<string> Expressions() =>
        [.. Expression().Matches(Rules()).Select(expression => expression.Groups["expression"].Value)];

    private static string RuleOf(string alert)
    {
        var rules = Rules();
        var begin = rules.IndexOf($"- alert: {alert}\n", StringComparison.Ordinal);
        var end = rules.IndexOf("- alert: ", begin + 1, StringComparison.Ordinal);
        return end < 0 ? rules[begin..] : rules[begin..end];
    }

    private static IEnumerable<string> Texts(JsonNode node, params string[] names) => node switch
    {
        JsonObject parent => parent.SelectMany(child => child.Value is JsonValue value && names.Contains(child.Key)
            ? [value.ToString()]
            : child.Value is { } below ? Texts(below, names) : []),
        JsonArray items => items.SelectMany(item => Texts(item!, names)),
        _ => [],
    };

    private static string Rules() => string.Concat(RuleFiles.Select(Read));

    private static string TestsOf(string rules) => Path.ChangeExtension(rules, ".test.yml");

    private static string Read(string file) => File.ReadAllText(Path.Combine(Folder, file));

    /// <summary>The exit code, and the output of a run that failed.</summary>
    private static (int Code, string Output) Promtool(params string[] arguments)
    {
        using var promtool = Process.Start(new ProcessStartInfo(Needs.Program("promtool")!, arguments)
        {
            WorkingDirectory = Folder,
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var errors = promtool.StandardError.ReadToEndAsync();
        var output = promtool.StandardOutput.ReadToEnd() + errors.GetAwaiter().GetResult();
        promtool.WaitForExit();
        return (promtool.ExitCode, promtool.ExitCode == 0 ? "" : output);
    }

    [GeneratedRegex(@"^ +- alert: (?<name>\w+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex AlertName();

    [GeneratedRegex(
        @"^        expr: (?<expression>.+(\n {10}.+)*)$",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex Expression();

    [GeneratedRegex(
        @"^ +runbook: docs/runbook\.md#(?<anchor>[\w-]+)$",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex Runbook();

    [GeneratedRegex(@"\bhost_service_\w+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Metric();

    [GeneratedRegex(@"\b(?<metric>host_service_\w+)\{(?<labels>[^}]*)\}", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex MetricWithLabels();

    [GeneratedRegex(@"(?<label>\w+)\s*(=~|!~|!=|=)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LabelInBraces();

    [GeneratedRegex(@"\b(by|on|without|ignoring) \((?<labels>[^)]*)\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Grouping();
}
