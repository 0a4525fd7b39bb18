namespace HostService.Silo.Cli;

/// <summary>What a cell tells by its colour, where there are colours; its text says the same.</summary>
public enum Tone
{
    Plain,
    Good,
    Warning,
    Bad,
    Faint,
}

/// <summary>One cell; an empty text is shown as <c>-</c>.</summary>
public readonly record struct TextCell(string? Text, Tone Tone = Tone.Plain)
{
    public static implicit operator TextCell(string? text) => new(text);
}

/// <summary>How a column becomes narrower.</summary>
public enum ColumnFit
{
    /// <summary>Not at all.</summary>
    Fixed,

    /// <summary>By leaving out the middle, down to <see cref="TextTable.ShortestId"/> characters.</summary>
    Id,

    /// <summary>By further lines, down to <see cref="TextTable.NarrowestText"/> characters.</summary>
    Text,
}

/// <summary>A column of a <see cref="TextTable"/>.</summary>
/// <param name="Fit">How it becomes narrower.</param>
/// <param name="Dropped">Its place among the columns that are left out where the width does not do, 1 for the first; 0: it stays.</param>
/// <param name="Least">Its width where its cells are narrower.</param>
public sealed record TextColumn(string Name, ColumnFit Fit = ColumnFit.Fixed, int Dropped = 0, int Least = 0);

/// <summary>
/// Rows for a terminal, as wide as that: first texts go on in further lines and ids are shortened from the middle, then columns are left
/// out in a fixed order.
/// </summary>
public sealed class TextTable(params IReadOnlyList<TextColumn> columns)
{
    public const int ShortestId = 13;
    public const int NarrowestText = 24;

    /// <summary>What becomes narrower, in this order, and how narrow.</summary>
    private static readonly (ColumnFit Fit, int Narrowest)[] Narrowings =
        [(ColumnFit.Text, ReadableText), (ColumnFit.Id, ShortestId), (ColumnFit.Text, NarrowestText)];

    private const int ReadableText = 45;
    private const string Gap = "  ";
    private const string Nothing = "-";

    private readonly List<IReadOnlyList<TextCell>> _rows = [];

    public int Count => _rows.Count;

    /// <param name="cells">One for each column.</param>
    public void Add(params IReadOnlyList<TextCell> cells)
    {
        if (cells.Count != columns.Count)
        {
            throw new ArgumentException($"There are {columns.Count} columns, and {cells.Count} cells.", nameof(cells));
        }

        _rows.Add([.. cells.Select(cell => cell with { Text = Clean(cell.Text) })]);
    }

    /// <param name="width">In characters. What cannot become narrower is shown all the same, in lines that are longer.</param>
    /// <param name="isColoured">Whether the lines go to a terminal that shows colours.</param>
    /// <param name="hasHeader">Whether the names of the columns are the first line.</param>
    public IEnumerable<string> Lines(int width, bool isColoured, bool hasHeader = true)
    {
        var shown = Enumerable.Range(0, columns.Count).ToList();
        int[] widths;
        while (!TryFit(shown, width, hasHeader, out widths)
            && shown.Where(c => columns[c].Dropped > 0).ToList() is { Count: > 0 } droppable)
        {
            shown.Remove(droppable.MinBy(c => columns[c].Dropped));
        }

        if (hasHeader)
        {
            yield return Row(shown.ConvertAll(c => new TextCell(columns[c].Name, Tone.Faint)), widths, isColoured);
        }

        foreach (var row in _rows)
        {
            foreach (var line in Lines(row, shown, widths, isColoured))
            {
                yield return line;
            }
        }
    }

    /// <summary>Leaves out the middle of what is longer.</summary>
    public static string Shorten(string text, int width)
    {
        if (text.Length <= width)
        {
            return text;
        }

        var end = (width - 1) / 2;
        return $"{text[..(width - 1 - end)]}…{text[^end..]}";
    }

    /// <summary>At blanks, and within words that are longer than a line.</summary>
    public static IEnumerable<string> Wrap(string text, int width)
    {
        var rest = text;
        while (rest.Length > width)
        {
            var blank = rest.LastIndexOf(' ', width);
            yield return rest[..(blank > 0 ? blank : width)];
            rest = rest[(blank > 0 ? blank + 1 : width)..];
        }

        yield return rest;
    }

    /// <summary>What a terminal might take for a command is data of others: reasons have words of the engine, and of apps.</summary>
    public static string Clean(string? text) =>
        string.IsNullOrEmpty(text) ? Nothing : string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c)).TrimEnd();

    private bool TryFit(List<int> shown, int width, bool hasHeader, out int[] widths)
    {
        widths = shown
            .Select(c => _rows
                .Select(row => row[c].Text!.Length)
                .Append(Math.Max(columns[c].Least, hasHeader ? columns[c].Name.Length : 0))
                .Max())
            .ToArray();
        var excess = widths.Sum() + ((shown.Count - 1) * Gap.Length) - width;
        foreach (var (fit, narrowest) in Narrowings)
        {
            for (var i = 0; i < shown.Count && excess > 0; i++)
            {
                if (columns[shown[i]].Fit == fit)
                {
                    var least = Math.Max(columns[shown[i]].Name.Length, narrowest);
                    var narrower = Math.Clamp(widths[i] - least, 0, excess);
                    widths[i] -= narrower;
                    excess -= narrower;
                }
            }
        }

        return excess <= 0;
    }

    private IEnumerable<string> Lines(IReadOnlyList<TextCell> row, List<int> shown, int[] widths, bool isColoured)
    {
        var parts = shown.Select((c, i) => columns[c].Fit switch
        {
            ColumnFit.Id => [Shorten(row[c].Text!, widths[i])],
            ColumnFit.Text => Wrap(row[c].Text!, widths[i]).ToArray(),
            _ => [row[c].Text!],
        }).ToList();
        for (var line = 0; line < parts.Max(p => p.Length); line++)
        {
            var cells = parts.Select((p, i) => new TextCell(line < p.Length ? p[line] : "", row[shown[i]].Tone)).ToList();
            yield return Row(cells, widths, isColoured);
        }
    }

    private static string Row(List<TextCell> cells, int[] widths, bool isColoured)
    {
        var last = cells.FindLastIndex(cell => cell.Text is { Length: > 0 });
        return string.Join(Gap, cells.Take(last + 1).Select((cell, i) =>
            Coloured(cell, isColoured) + new string(' ', i == last ? 0 : Math.Max(0, widths[i] - cell.Text!.Length))));
    }

    private static string Coloured(TextCell cell, bool isColoured)
    {
        var code = cell.Tone switch
        {
            Tone.Good => "32",
            Tone.Warning => "33",
            Tone.Bad => "31",
            Tone.Faint => "2",
            _ => null,
        };
        return isColoured && code is not null && cell.Text is { Length: > 0 } ? $"\u001b[{code}m{cell.Text}\u001b[0m" : cell.Text!;
    }
}
