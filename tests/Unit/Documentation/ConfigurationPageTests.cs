using System.Runtime.CompilerServices;

namespace HostService.Tests.Unit.Documentation;

/// <summary>With UPDATE_DOCS set (by <c>make docs</c>) the page is written instead of compared.</summary>
public sealed class ConfigurationPageTests
{
    [Fact]
    public void Every_key_is_described_as_the_code_has_it()
    {
        var page = Path.Combine(Root(), "docs", "configuration.md");
        var now = ConfigurationPage.Write();
        if (Environment.GetEnvironmentVariable("UPDATE_DOCS") is not null)
        {
            File.WriteAllText(page, now);
        }

        Assert.True(File.ReadAllText(page) == now, "docs/configuration.md is out of date: run \"make docs\" and commit it");
    }

    private static string Root([CallerFilePath] string thisFile = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "../../.."));
}
