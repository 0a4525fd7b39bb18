using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace HostService.Tests.Support;

/// <summary>A row of the table in docs/metrics.md.</summary>
/// <param name="Labels">In alphabetical order.</param>
public sealed record DocumentedMetric(string Name, string Type, IReadOnlyList<string> Labels, string Meaning);

/// <summary>The service's own metrics, as docs/metrics.md lists them.</summary>
public static partial class MetricsTable
{
    public static IReadOnlyDictionary<string, DocumentedMetric> Read() => Row().Matches(File.ReadAllText(Page())).ToDictionary(
        row => row.Groups["name"].Value,
        row => new DocumentedMetric(
            row.Groups["name"].Value,
            row.Groups["type"].Value,
            [.. Label().Matches(row.Groups["labels"].Value).Select(label => label.Groups["name"].Value)],
            row.Groups["meaning"].Value),
        StringComparer.Ordinal);

    /// <summary>The series of a scrape, without values: each with its family and its labels, <c>le</c> left out.</summary>
    public static IEnumerable<(string Family, IReadOnlyList<string> Labels)> Series(string scrape) => Sample().Matches(scrape)
        .Select(sample => (
            Family(sample.Groups["name"].Value),
            (IReadOnlyList<string>)[.. LabelOfSample().Matches(sample.Groups["labels"].Value)
                .Select(label => label.Groups["name"].Value)
                .Where(name => name != "le")
                .Order(StringComparer.Ordinal)]));

    /// <summary>A histogram has several series a family.</summary>
    public static string Family(string series) => HistogramSuffix().Replace(series, "");

    private static string Page([CallerFilePath] string thisFile = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "../../docs/metrics.md"));

    [GeneratedRegex(
        @"^\| `(?<name>host_service_\w+)` \| (?<type>\w+) \| (?<labels>[^|]*)\| (?<meaning>[^|]+) \|$",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex Row();

    [GeneratedRegex("`(?<name>[a-z_]+)`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Label();

    [GeneratedRegex(
        @"^(?<name>[a-z]\w*)(\{(?<labels>.*)\})? [^ ]+$",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 5000)]
    private static partial Regex Sample();

    [GeneratedRegex(@"(?<name>\w+)=""([^""\\]|\\.)*""", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LabelOfSample();

    [GeneratedRegex("_(bucket|count|sum)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex HistogramSuffix();
}
