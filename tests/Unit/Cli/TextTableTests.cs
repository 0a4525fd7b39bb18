using HostService.Silo.Cli;

namespace HostService.Tests.Unit.Cli;

public sealed class TextTableTests
{
    private const string LongId = "0123456789abcdef0123456789abcdef";

    [Fact]
    public void Columns_are_as_wide_as_their_widest_cell_and_nothing_is_a_dash()
    {
        var table = new TextTable(new("ID", ColumnFit.Id), new("STATE"), new("TTY"));
        table.Add("m1", "Running", "10");
        table.Add("mandelbox-2", "", null);

        Assert.Equal(
        [
            "ID           STATE    TTY",
            "m1           Running  10",
            "mandelbox-2  -        -",
        ], Lines(table, 80));
    }

    [Fact]
    public void Ids_are_shortened_from_the_middle_before_a_column_is_left_out()
    {
        var table = Wide();

        Assert.Equal(
        [
            "ID             USER                        TTY",
            "012345…abcdef  0123456789abc…456789abcdef  10",
        ], Lines(table, 46));
        Assert.All(Lines(table, 46), line => Assert.InRange(line.Length, 1, 46));
    }

    [Fact]
    public void Columns_are_left_out_in_their_order_once_ids_are_as_short_as_they_may()
    {
        var table = Wide();

        Assert.Equal(["ID             TTY", "012345…abcdef  10"], Lines(table, 18));
        Assert.Equal(["ID", "012345…abcdef"], Lines(table, 13));

        // What stays is not made narrower, down to a letter a line.
        Assert.Equal(["ID", "012345…abcdef"], Lines(table, 3));
    }

    [Theory]
    [InlineData(200)]
    [InlineData(80)]
    [InlineData(60)]
    [InlineData(45)]
    public void A_text_goes_on_in_further_lines_at_blanks(int width)
    {
        var table = new TextTable(new("ID", ColumnFit.Id), new("REASON", ColumnFit.Text));
        var reason = string.Join(' ', Enumerable.Range(0, 30).Select(i => $"word{i}"));
        table.Add(LongId, reason);
        table.Add("m2", "short");

        var lines = Lines(table, width);

        Assert.All(lines, line => Assert.InRange(line.Length, 1, width));
        var column = lines[0].IndexOf("REASON", StringComparison.Ordinal);
        Assert.Equal(reason, string.Join(' ', lines.Skip(1).SkipLast(1).Select(line => line[column..])));
        Assert.All(lines.Skip(2).SkipLast(1), line => Assert.Equal("", line[..column].Trim()));
    }

    [Fact]
    public void A_word_that_is_longer_than_a_line_is_broken() =>
        Assert.Equal(["aaaaa", "aaa b", "c"], TextTable.Wrap("aaaaaaaa b c", 5));

    [Fact]
    public void Colours_are_there_for_a_terminal_only_and_change_no_width()
    {
        var table = new TextTable(new("STATE"), new("TTY"));
        table.Add(new TextCell("Running", Tone.Good), "10");
        table.Add(new TextCell("Dying", Tone.Warning), "11");

        Assert.DoesNotContain(Lines(table, 80), line => line.Contains('\u001b'));
        var coloured = table.Lines(80, isColoured: true).ToList();
        Assert.Equal("\u001b[32mRunning\u001b[0m  10", coloured[1]);
        Assert.Equal("\u001b[33mDying\u001b[0m    11", coloured[2]);
    }

    [Fact]
    public void What_would_command_a_terminal_does_not()
    {
        var table = new TextTable(new TextColumn("REASON", ColumnFit.Text));
        table.Add("red \u001b[31m and\r\nnext\u0007");

        Assert.Equal("red  [31m and  next", Lines(table, 80)[1]);
    }

    [Fact]
    public void Without_its_header_the_first_line_is_the_first_row_and_a_column_may_have_a_least_width()
    {
        var table = new TextTable(new("KIND", Least: 9), new("TEXT"));
        table.Add("Gpu", "back");

        Assert.Equal(["Gpu        back"], table.Lines(80, isColoured: false, hasHeader: false));
    }

    [Fact]
    public void A_row_has_a_cell_for_each_column() =>
        Assert.Throws<ArgumentException>(() => new TextTable(new TextColumn("A"), new TextColumn("B")).Add("one"));

    private static TextTable Wide()
    {
        var table = new TextTable(new("ID", ColumnFit.Id), new("USER", ColumnFit.Id, Dropped: 1), new("TTY", Dropped: 2));
        table.Add(LongId, LongId, "10");
        return table;
    }

    private static List<string> Lines(TextTable table, int width) => [.. table.Lines(width, isColoured: false)];
}
