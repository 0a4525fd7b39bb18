namespace HostService.Tests.Unit.Documentation;

public sealed class LinkTests
{
    [Fact]
    public void Every_relative_link_leads_to_a_file_and_its_anchor_to_a_heading()
    {
        var links = Pages.All
            .SelectMany(page => Pages.Links(page).Select(link => (Page: page, Link: link)))
            .Where(l => !l.Link.Contains("://", StringComparison.Ordinal))
            .ToList();

        Assert.NotEmpty(links);
        var faults = links
            .Select(l => (l.Page, l.Link, Fault: Fault(l.Page, l.Link)))
            .Where(l => l.Fault is not null)
            .Select(l => $"{Pages.InCheckout(l.Page)}: {l.Link} {l.Fault}");
        Assert.Equal([], faults);
    }

    private static string? Fault(string page, string link)
    {
        var (path, anchor) = link.Split('#') is [var before, var after] ? (before, after) : (link, null);
        var target = path.Length == 0 ? page : Path.Combine(Path.GetDirectoryName(page)!, path);
        if (!File.Exists(target))
        {
            return "is no file";
        }

        return anchor is null || Pages.Anchors(target).Contains(anchor) ? null : "has no such heading";
    }
}
