using System.Text.RegularExpressions;

namespace HostService.Tests.Unit.Documentation;

/// <summary>The numbers of docs/contract.md, and who cites them.</summary>
public sealed partial class RequirementTests
{
    private static readonly string Contract = Path.Combine(Pages.Root, "docs", "contract.md");

    private static readonly string[] Numbers =
    [
        .. Pages.Headings(Contract)
            .Select(heading => Heading().Match(heading))
            .Where(match => match.Success)
            .Select(match => match.Groups["number"].Value),
    ];

    [Fact]
    public void The_contract_has_every_number_once_and_in_order()
    {
        var added = new Dictionary<int, string> { [7] = "B7a", [32] = "B32a", [34] = "B34a" };

        Assert.Equal(Enumerable.Range(1, 35).SelectMany(n => added.TryGetValue(n, out var a) ? new[] { $"B{n}", a } : [$"B{n}"]), Numbers);
    }

    [Fact]
    public void Every_number_that_is_cited_is_in_the_contract()
    {
        // Lock files hold hashes, which may look like anything, and pictures hold bytes.
        var cited = new[] { "src", "deploy", "mandelboxes", "docs" }
            .SelectMany(folder => Pages.Files(folder, "*"))
            .Where(file => !file.EndsWith(".lock.json", StringComparison.Ordinal) && !file.EndsWith(".png", StringComparison.Ordinal))
            .SelectMany(file => Citation().Matches(File.ReadAllText(file))
                .Select(match => (Number: match.Value, File: Pages.InCheckout(file))))
            .ToList();

        Assert.Contains(cited, c => c.File.StartsWith("src/", StringComparison.Ordinal));
        Assert.Equal([], cited.Where(c => !Numbers.Contains(c.Number, StringComparer.Ordinal)));
    }

    [GeneratedRegex(@"^(?<number>B\d+a?)\. ", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Heading();

    [GeneratedRegex(@"\bB[0-9]+a?\b", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Citation();
}
