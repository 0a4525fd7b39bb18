using HostService.Silo.Cli;

namespace HostService.Silo.Doctor;

/// <summary>A report as a table for a terminal.</summary>
public static class DoctorText
{
    private const int NameWidth = 13;
    private const int OutcomeWidth = 9;

    /// <summary>Lines of at most <paramref name="width"/> characters, which must be 40 or more.</summary>
    public static IEnumerable<string> Lines(DoctorReport report, int width)
    {
        foreach (var check in report.Checks)
        {
            foreach (var line in Row(check.Name, Text(check.Outcome), check.Detail, width))
            {
                yield return line;
            }

            if (check is { Outcome: not CheckOutcome.Ok, Advice: { } advice })
            {
                foreach (var line in Row("", "", $"-> {advice}", width))
                {
                    yield return line;
                }
            }
        }

        if (report.Differences.Count > 0)
        {
            yield return "";
            yield return "DIFFERENCES";
        }

        foreach (var difference in report.Differences)
        {
            foreach (var line in Row(
                $"{difference.Kind}".ToLowerInvariant(),
                "",
                $"mandelbox {difference.MandelboxId}: {difference.Name} {difference.Problem}, since {difference.Since:u}",
                width))
            {
                yield return line;
            }
        }
    }

    private static string Text(CheckOutcome outcome) => outcome switch
    {
        CheckOutcome.Ok => "ok",
        CheckOutcome.Warning => "warning",
        _ => "FAILED",
    };

    private static IEnumerable<string> Row(string name, string outcome, string detail, int width)
    {
        var head = name.PadRight(NameWidth) + outcome.PadRight(OutcomeWidth);
        foreach (var part in Wrap(detail, width - head.Length))
        {
            yield return head + part;
            head = new string(' ', head.Length);
        }
    }

    /// <summary>At blanks, and within words that are longer than a line.</summary>
    private static IEnumerable<string> Wrap(string text, int width)
    {
        // A check that failed has words of what it asked.
        var rest = TextTable.Clean(text.ReplaceLineEndings(" "));
        while (rest.Length > width)
        {
            var blank = rest.LastIndexOf(' ', width);
            yield return rest[..(blank > 0 ? blank : width)];
            rest = rest[(blank > 0 ? blank + 1 : width)..];
        }

        yield return rest;
    }
}
