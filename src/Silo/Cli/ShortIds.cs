namespace HostService.Silo.Cli;

/// <summary>Ids of mandelboxes as people type them.</summary>
public static class ShortIds
{
    private const char Omission = '…';

    /// <summary>
    /// The ids that a text may mean: the one that it is; else those that begin with it; of one with <c>…</c>, as tables show them, those
    /// that begin and end so.
    /// </summary>
    public static IReadOnlyList<string> Matches(string text, IEnumerable<string> ids)
    {
        var all = ids.Distinct(StringComparer.Ordinal).ToList();
        if (all.Contains(text, StringComparer.Ordinal))
        {
            return [text];
        }

        var parts = text.Split(Omission, 2);
        return all.FindAll(id => id.StartsWith(parts[0], StringComparison.Ordinal)
            && id.EndsWith(parts.ElementAtOrDefault(1) ?? "", StringComparison.Ordinal));
    }
}
