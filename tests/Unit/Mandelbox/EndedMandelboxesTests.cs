using HostService.GrainInterfaces;
using HostService.Infrastructure;
using HostService.Infrastructure.Storage.Records;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace HostService.Tests.Unit.Mandelbox;

public sealed class EndedMandelboxesTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private readonly ScratchDirectory _scratch = new();

    private string FilePath => new HostOptions { Root = _scratch["fractal"], RuntimeRoot = _scratch["run"] }.EndedFile;

    [Fact]
    public void The_next_run_knows_those_of_the_last_one_as_they_were()
    {
        var first = Load();
        first.Add(Timeline("m1"));
        first.Add(Timeline("m2"));

        var found = Load().Newest.ToList();

        Assert.Equal(["m2", "m1"], found.Select(e => e.Mandelbox.MandelboxId));
        Assert.Equivalent(Timeline("m2"), found[0], strict: true);
    }

    [Fact]
    public void One_whose_end_the_last_run_did_not_see_is_in_the_file_only()
    {
        var first = Load();
        var seen = Timeline("m1");
        first.Add(seen with { Mandelbox = seen.Mandelbox with { State = MandelboxState.Dying } });

        Assert.Single(EndedMandelboxes.Read(FilePath));
        Assert.Empty(Load().Newest);
        Assert.Empty(EndedMandelboxes.Read(FilePath));
    }

    [Fact]
    public void What_is_no_file_of_a_possible_length_holds_nothing_and_is_replaced()
    {
        Directory.CreateDirectory(_scratch["run"]);
        File.CreateSymbolicLink(FilePath, "/dev/zero");
        Assert.Empty(EndedMandelboxes.Read(FilePath));
        Load().Add(Timeline("m1"));
        Assert.Single(Load().Newest);

        using (var file = File.OpenWrite(FilePath))
        {
            file.SetLength(1L << 40);
        }

        Assert.Throws<IOException>(() => EndedMandelboxes.Read(FilePath));
        Load().Add(Timeline("m2"));
        Assert.Equal(["m2"], Load().Newest.Select(e => e.Mandelbox.MandelboxId));
    }

    [Fact]
    public void Only_the_owner_may_read_them()
    {
        Load().Add(Timeline("m1"));

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FilePath));
    }

    [Fact]
    public void The_last_thousand_are_kept_and_the_file_does_not_grow_for_ever()
    {
        var ended = Load();
        var longest = 0;
        for (var i = 0; i < 3500; i++)
        {
            ended.Add(Timeline($"m{i}"));
            longest = i % 100 == 99 ? Math.Max(longest, Lines()) : longest;
        }

        Assert.Equal(MandelboxHistory.Length, ended.Newest.Count());
        Assert.Equal(2 * MandelboxHistory.Length, longest);
        Assert.Equal(
            Enumerable.Range(3500 - MandelboxHistory.Length, MandelboxHistory.Length).Reverse().Select(i => $"m{i}"),
            Load().Newest.Select(e => e.Mandelbox.MandelboxId));
    }

    [Theory]
    [InlineData("""{"mandelbox":{"mandelboxId":"m9","state":"Go""")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("""
        {"mandelbox":{"mandelboxId":null,"state":"Gone","since":"2026-01-02T03:04:05Z","createdAt":"2026-01-02T03:04:05Z"},"steps":[]}
        """)]
    [InlineData("")]
    public void A_line_that_cannot_be_read_costs_no_other(string line)
    {
        var first = Load();
        first.Add(Timeline("m1"));
        File.AppendAllText(FilePath, $"\n{line}");

        var second = Load();
        second.Add(Timeline("m2"));

        Assert.Equal(["m2", "m1"], Load().Newest.Select(e => e.Mandelbox.MandelboxId));
    }

    [Fact]
    public void A_file_that_cannot_be_written_costs_nothing_but_the_file_until_it_can()
    {
        Directory.CreateDirectory(_scratch["run"]);
        Directory.CreateDirectory(FilePath);
        var ended = Load();
        ended.Add(Timeline("m1"));
        Assert.Single(ended.Newest);

        Directory.Delete(FilePath);
        ended.Add(Timeline("m2"));

        Assert.Equal(["m2", "m1"], ended.Newest.Select(e => e.Mandelbox.MandelboxId));
        Assert.Equal(["m2"], Load().Newest.Select(e => e.Mandelbox.MandelboxId));
    }

    public void Dispose() => _scratch.Dispose();

    /// <summary>In all files, without the empty ones.</summary>
    private int Lines() => Directory.GetFiles(_scratch["run"]).Sum(file => File.ReadLines(file).Count(line => line.Length > 0));

    private EndedMandelboxes Load()
    {
        var ended = new EndedMandelboxes(FilePath, NullLogger.Instance);
        ended.Load();
        return ended;
    }

    private static MandelboxTimeline Timeline(string id) => new(
        new MandelboxDescription
        {
            MandelboxId = id,
            State = MandelboxState.Gone,
            Since = Now,
            CreatedAt = Now.AddMinutes(-1),
            AppName = "browsers/chrome",
            UserId = "user",
            SessionId = ulong.MaxValue,
            EndCause = EndCause.DrainLimit,
            EndReason = "the drain took too long",
            ExitCode = 137,
            Phases = [new MandelboxPhase(MandelboxState.Gone, Now)],
            Lease = new Lease(Guid.Empty, id, Tty: 10, GpuIndex: 0, []),
        },
        [new TimelineStep("create", Undo: true, Now, 1.5f, "it failed")]);
}
