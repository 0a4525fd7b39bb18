using System.Diagnostics;
using System.Text;
using HostService.Infrastructure.Files;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Files;

/// <summary>The ends of files that a mandelbox has left.</summary>
public sealed class FileTailsTests : IDisposable
{
    private readonly ScratchDirectory _directory = new();
    private readonly MandelboxFiles _files = new(TimeProvider.System);

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("", 2, "")]
    [InlineData("a", 2, "a")]
    [InlineData("a\n", 2, "a\n")]
    [InlineData("a\nb\nc\n", 2, "b\nc\n")]
    [InlineData("a\nb\nc", 2, "b\nc")]
    [InlineData("a\n\n\n", 2, "\n\n")]
    [InlineData("a\nb\n", 1, "b\n")]
    [InlineData("a\nb\n", 5000, "a\nb\n")]
    public void As_many_lines_as_were_asked_for_are_read_from_the_end(string content, int lines, string expected)
    {
        File.WriteAllText(_directory["app.log"], content);

        Assert.Equal(expected, Text(Assert.Single(_files.ReadTails(_directory.Path, lines))));
    }

    [Fact]
    public void Files_come_by_name_and_what_is_none_is_left_out()
    {
        File.WriteAllText(_directory["b.log"], "b");
        File.WriteAllText(_directory["a.log"], "a");
        File.WriteAllText(_directory["secret"], "of the host");
        Directory.CreateDirectory(_directory["below"]);
        using (var pipe = Process.Start("mkfifo", [_directory["pipe"]]))
        {
            pipe.WaitForExit();
        }

        var outside = Directory.CreateDirectory(_directory["logs"]).FullName;
        File.Move(_directory["secret"], _directory["below/secret"]);
        foreach (var name in new[] { "a.log", "b.log", "pipe" })
        {
            File.Move(_directory[name], Path.Combine(outside, name));
        }

        File.CreateSymbolicLink(Path.Combine(outside, "link"), _directory["below/secret"]);
        Directory.CreateSymbolicLink(Path.Combine(outside, "linked"), _directory["below"]);

        Assert.Equal(["a.log: a", "b.log: b"], _files.ReadTails(outside, 10).Select(tail => $"{tail.Name}: {Text(tail)}"));
    }

    [Fact]
    public void A_directory_that_is_a_link_or_absent_has_none()
    {
        File.WriteAllText(_directory["app.log"], "a");
        Directory.CreateSymbolicLink(_directory["link"], _directory.Path);

        Assert.Empty(_files.ReadTails(_directory["link"], 10));
        Assert.Empty(_files.ReadTails(_directory["absent"], 10));
    }

    [Fact]
    public void Of_a_long_file_a_bounded_part_is_read_which_begins_with_a_whole_line()
    {
        File.WriteAllText(_directory["app.log"], string.Concat(Enumerable.Range(0, 100_000).Select(i => $"line {i}\n")));
        File.WriteAllText(_directory["one-line.log"], new string('x', 1_000_000));

        var tails = _files.ReadTails(_directory.Path, int.MaxValue);

        var text = Text(tails[0]);
        Assert.InRange(text.Length, 255_000, 256 * 1024);
        Assert.StartsWith("line ", text, StringComparison.Ordinal);
        Assert.EndsWith("line 99999\n", text, StringComparison.Ordinal);
        Assert.Equal(256 * 1024, tails[1].Content.Length);
    }

    [Fact]
    public void Of_many_files_some_are_read()
    {
        for (var i = 0; i < 50; i++)
        {
            File.WriteAllText(_directory[$"{i:00}.log"], "x");
        }

        Assert.Equal((20, "19.log"), (_files.ReadTails(_directory.Path, 1).Count, _files.ReadTails(_directory.Path, 1)[^1].Name));
    }

    [Fact]
    public void A_name_that_would_command_a_terminal_does_not()
    {
        File.WriteAllText(_directory["\u001b[31mred\n.log"], "x");

        Assert.Equal("?[31mred?.log", Assert.Single(_files.ReadTails(_directory.Path, 1)).Name);
    }

    private static string Text(FileTail tail) => Encoding.UTF8.GetString(tail.Content);
}
