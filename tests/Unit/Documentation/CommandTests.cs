using System.Text.RegularExpressions;
using HostService.Silo.Cli;

namespace HostService.Tests.Unit.Documentation;

/// <summary>What the pages tell a reader to type, or to look at, is there. docs/command-line.md is written from the binary.</summary>
public sealed partial class CommandTests
{
    private static IEnumerable<(string Page, string Code)> Code =>
        from page in Pages.All
        where !page.EndsWith("command-line.md", StringComparison.Ordinal)
        from code in Pages.Code(page)
        select (Pages.InCheckout(page), code);

    [Fact]
    public void Every_command_line_is_understood()
    {
        var commands = Code.SelectMany(c => HostService().Matches(c.Code), (c, match) => (c.Page, Arguments: match.Groups["arguments"].Value)).ToList();

        Assert.InRange(commands.Count, 30, int.MaxValue);
        var faults = commands.SelectMany(
            c => CommandLine.Check(Words(c.Arguments)), (c, fault) => $"{c.Page}: host-service{c.Arguments}: {fault}");
        Assert.Equal("", string.Join('\n', faults));
    }

    [Fact]
    public void Every_target_of_make_is_in_the_Makefile()
    {
        var targets = MakeTarget().Matches(File.ReadAllText(Path.Combine(Pages.Root, "Makefile"))).Select(m => m.Groups["name"].Value).ToHashSet();
        var named = Code.SelectMany(c => Make().Matches(c.Code), (c, match) => (c.Page, Target: match.Groups["target"].Value)).ToList();

        Assert.InRange(named.Count, 20, int.MaxValue);
        Assert.Equal([], named.Where(n => !targets.Contains(n.Target)).Select(n => $"{n.Page}: make {n.Target}"));
    }

    [Fact]
    public void Every_file_and_folder_of_the_checkout_that_is_named_is_there()
    {
        var named = Code.SelectMany(c => InCheckout().Matches(c.Code), (c, match) => (c.Page, Path: match.Value)).ToList();

        Assert.InRange(named.Count, 20, int.MaxValue);
        Assert.Equal([], named.Where(n => !Path.Exists(Path.Combine(Pages.Root, n.Path))).Select(n => $"{n.Page}: {n.Path}"));
    }

    /// <summary>
    /// Without what is optional, and with a word for each placeholder. A command alone may be named without the arguments that it needs.
    /// </summary>
    private static string[] Words(string arguments)
    {
        var words = Optional().Replace(arguments, "").Replace('<', '_').Replace('>', '_').Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return words is [var command] ? [command, "--help"] : words;
    }

    [GeneratedRegex(@"^(?:sudo |\w+=\S+ )*(?:\S*/)?host-service(?<arguments>(?: [^|;&#>\s]*(?:<\w+>)?)+)", RegexOptions.None, 1000)]
    private static partial Regex HostService();

    [GeneratedRegex(@"\[[^\]]*\]", RegexOptions.None, 1000)]
    private static partial Regex Optional();

    [GeneratedRegex(@"^(?:sudo |\w+=\S+ )*make (?<target>[a-z][a-z-]*)", RegexOptions.None, 1000)]
    private static partial Regex Make();

    [GeneratedRegex(@"^(?<name>[a-z-]+):", RegexOptions.Multiline, 1000)]
    private static partial Regex MakeTarget();

    [GeneratedRegex(@"^(?:\./)?(?:src|tests|eng|deploy|bench|mandelboxes|docs)/[\w./-]*\w(?=$|[ :])", RegexOptions.None, 1000)]
    private static partial Regex InCheckout();
}
