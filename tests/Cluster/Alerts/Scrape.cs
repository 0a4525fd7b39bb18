using System.Globalization;
using System.Text.RegularExpressions;

namespace HostService.Tests.Cluster.Alerts;

/// <summary>What Prometheus gets of a host at one moment.</summary>
/// <param name="At">The host's time.</param>
/// <param name="Text">The text of <c>/metrics</c>; null where it cannot be had.</param>
internal sealed partial record Scrape(DateTimeOffset At, string? Text)
{
    /// <summary>The value of each series of the service, by its name and labels, and <c>up</c>.</summary>
    public Dictionary<string, double> Samples()
    {
        var samples = Sample().Matches(Text ?? "").ToDictionary(
            sample => $"{sample.Groups["name"].Value}{{{sample.Groups["labels"].Value.TrimEnd(',')}}}",
            sample => double.Parse(sample.Groups["value"].Value, CultureInfo.InvariantCulture),
            StringComparer.Ordinal);
        samples["up{}"] = Text is null ? 0 : 1;
        return samples;
    }

    [GeneratedRegex(
        @"^(?<name>host_service_\w+)(\{(?<labels>.*)\})? (?<value>\S+)$",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 5000)]
    private static partial Regex Sample();
}
