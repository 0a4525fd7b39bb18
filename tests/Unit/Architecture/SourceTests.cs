using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace HostService.Tests.Unit.Architecture;

/// <summary>What the source itself must not hold. Reads the checkout that this was compiled from.</summary>
public sealed partial class SourceTests
{
    private static readonly string Root = FindRoot();

    [Theory]
    [InlineData("src")]
    [InlineData("tests")]
    public void No_code_is_compiled_only_sometimes(string folder)
        => Assert.DoesNotContain(Source(folder), file => ConditionalCompilation().IsMatch(File.ReadAllText(file)));

    private static List<string> Source(string folder) => Files(folder, "*.cs");

    private static List<string> Files(string folder, string pattern)
    {
        var files = Directory.EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories).ToList();
        Assert.NotEmpty(files);
        return files;
    }

    private static string FindRoot([CallerFilePath] string thisFile = "")
    {
        var folder = new DirectoryInfo(Path.GetDirectoryName(thisFile)!);
        while (!File.Exists(Path.Combine(folder.FullName, "HostService.sln")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException($"no HostService.sln above {thisFile}");
        }

        return folder.FullName;
    }

    [GeneratedRegex(@"^\s*#(if|elif)\b", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ConditionalCompilation();
}
