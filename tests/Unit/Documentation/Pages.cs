using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace HostService.Tests.Unit.Documentation;

/// <summary>The Markdown pages of the checkout that this was compiled from.</summary>
internal static partial class Pages
{
    public static string Root { get; } = FindRoot();

    /// <summary>Every page that a reader may be sent to.</summary>
    public static IEnumerable<string> All =>
    [
        .. Directory.EnumerateFiles(Root, "*.md"),
        .. new[] { "docs", "deploy", "mandelboxes" }.SelectMany(folder => Files(folder, "*.md")),
    ];

    public static string InCheckout(string path) => Path.GetRelativePath(Root, path);

    public static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories);

    /// <summary>The headings of a page, without their markup.</summary>
    public static IEnumerable<string> Headings(string page) =>
        HeadingLine().Matches(WithoutCodeBlocks(page))
            .Select(match => match.Groups["text"].Value.Replace("`", "", StringComparison.Ordinal).Trim());

    /// <summary>The anchors that the repository's host makes of a page's headings.</summary>
    public static HashSet<string> Anchors(string page)
    {
        var anchors = new HashSet<string>(StringComparer.Ordinal);
        foreach (var heading in Headings(page))
        {
            var anchor = NotInAnchors().Replace(heading.ToLowerInvariant(), "").Replace(' ', '-');
            var unique = anchor;
            for (var repetition = 1; !anchors.Add(unique); repetition++)
            {
                unique = $"{anchor}-{repetition}";
            }
        }

        return anchors;
    }

    /// <summary>The targets of a page's links, as they are written.</summary>
    public static IEnumerable<string> Links(string page) =>
        Link().Matches(InlineCode().Replace(WithoutCodeBlocks(page), "")).Select(match => match.Groups["target"].Value);

    /// <summary>What a page has in code blocks, a line each, and in its text as code.</summary>
    public static IEnumerable<string> Code(string page) =>
    [
        .. CodeLines().Matches(File.ReadAllText(page)).SelectMany(match => match.Value.Split('\n')).Select(line => line.Trim()),
        .. InlineCode().Matches(WithoutCodeBlocks(page)).Select(match => match.Value.Trim('`')),
    ];

    // A script's comments look like headings.
    private static string WithoutCodeBlocks(string page) => CodeBlock().Replace(File.ReadAllText(page), "");

    private static string FindRoot([CallerFilePath] string thisFile = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "../../.."));

    [GeneratedRegex(@"(?m)^```(?s:.*?)^```", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex CodeBlock();

    [GeneratedRegex(@"(?m)^```(?s:.*?)^```|^    \S.*$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex CodeLines();

    [GeneratedRegex(@"`[^`\n]*`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex InlineCode();

    [GeneratedRegex(@"^#{1,6} (?<text>.+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex HeadingLine();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Link();

    [GeneratedRegex(@"[^\p{L}\p{N}_ -]", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NotInAnchors();
}
