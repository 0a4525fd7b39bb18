using System.Diagnostics;
using HostService.Infrastructure.Files;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Files;

public sealed class MandelboxFilesTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("mandelbox-files-").FullName;
    private readonly ManualClock _clock = new();
    private readonly MandelboxFiles _files;

    public MandelboxFilesTests() => _files = new MandelboxFiles(_clock);

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task A_mapping_is_plain_text_without_a_newline_and_leaves_no_other_file()
    {
        await _files.WriteAsync(_directory, "tty", "12", CancellationToken.None);
        Assert.Equal("12", await File.ReadAllTextAsync(Path.Combine(_directory, "tty")));
        Assert.Equal(["tty"], Directory.GetFileSystemEntries(_directory).Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_link_in_a_mandelboxs_directory_is_replaced_and_not_followed()
    {
        var victim = Path.Combine(_directory, "victim");
        var mappings = Directory.CreateDirectory(Path.Combine(_directory, "mappings")).FullName;
        await File.WriteAllTextAsync(victim, "untouched");
        File.CreateSymbolicLink(Path.Combine(mappings, "tty"), victim);
        await _files.WriteAsync(mappings, "tty", "12", CancellationToken.None);
        Assert.Equal("untouched", await File.ReadAllTextAsync(victim));
        Assert.Null(new FileInfo(Path.Combine(mappings, "tty")).LinkTarget);
    }

    [Fact]
    public async Task A_file_that_was_there_before_the_watch_began_is_not_missed()
    {
        await File.WriteAllTextAsync(Path.Combine(_directory, "signal"), "");
        Assert.True(await _files.WaitForAsync(_directory, "signal", TimeSpan.FromSeconds(20), CancellationToken.None));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_file_that_comes_later_is_seen_however_it_comes(bool renamed)
    {
        var wait = _files.WaitForAsync(_directory, "signal", TimeSpan.FromSeconds(20), CancellationToken.None);
        Assert.False(wait.IsCompleted);
        var path = Path.Combine(_directory, "signal");
        if (renamed)
        {
            await File.WriteAllTextAsync(path + ".new", "");
            File.Move(path + ".new", path);
        }
        else
        {
            await File.WriteAllTextAsync(path, "");
        }

        Assert.True(await wait);
    }

    [Fact]
    public async Task A_file_that_never_comes_is_told_at_the_deadline()
    {
        var wait = _files.WaitForAsync(_directory, "signal", TimeSpan.FromSeconds(20), CancellationToken.None);
        _clock.Advance(TimeSpan.FromSeconds(19));
        Assert.False(wait.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.False(await wait);
    }

    [Fact]
    public async Task Waiting_ends_when_the_mandelbox_does()
    {
        using var end = new CancellationTokenSource();
        var wait = _files.WaitForAsync(_directory, "signal", TimeSpan.FromSeconds(20), end.Token);
        await end.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait);
    }

    [Fact]
    public async Task All_waits_share_one_inotify_instance()
    {
        using var end = new CancellationTokenSource();
        var waits = Enumerable.Range(0, 20).Select(i =>
        {
            var directory = Directory.CreateDirectory(Path.Combine(_directory, $"mandelbox{i}")).FullName;
            return _files.WaitForAsync(directory, "signal", TimeSpan.FromSeconds(20), end.Token);
        }).ToList();

        Assert.Contains(Directory.GetFiles("/proc/self/fdinfo").Select(WatchesOf), watches => watches >= 20);

        await end.CancelAsync();
        await Task.WhenAll(waits).ContinueWith(_ => { }, TaskScheduler.Default);

        static int WatchesOf(string descriptor)
        {
            try
            {
                return File.ReadLines(descriptor).Count(line => line.StartsWith("inotify wd:", StringComparison.Ordinal));
            }
            catch (IOException)
            {
                // Closed since it was listed.
                return 0;
            }
        }
    }

    [Fact]
    public async Task Two_waits_in_one_directory_both_end()
    {
        var waits = new[] { "one", "two" }.Select(name => _files.WaitForAsync(_directory, name, TimeSpan.FromSeconds(20), default))
            .ToList();

        await File.WriteAllTextAsync(Path.Combine(_directory, "one"), "");
        Assert.True(await waits[0]);
        await File.WriteAllTextAsync(Path.Combine(_directory, "two"), "");
        Assert.True(await waits[1]);
    }

    [Fact]
    public async Task A_directory_that_cannot_be_watched_is_named_with_the_reason()
    {
        var missing = Path.Combine(_directory, "missing");

        var exception = await Assert.ThrowsAsync<IOException>(
            () => _files.WaitForAsync(missing, "signal", TimeSpan.FromSeconds(20), default));

        Assert.Equal($"{missing} cannot be watched: No such file or directory", exception.Message);
    }

    [Fact]
    public async Task Removing_follows_no_link_and_may_be_repeated()
    {
        var outside = Directory.CreateDirectory(Path.Combine(_directory, "outside")).FullName;
        File.WriteAllText(Path.Combine(outside, "kept"), "");
        var home = Path.Combine(_directory, "home");
        _files.MakeDirectory(home);
        File.CreateSymbolicLink(Path.Combine(home, "link"), outside);
        await _files.RemoveAsync(home, CancellationToken.None);
        await _files.RemoveAsync(home, CancellationToken.None);
        Assert.False(Directory.Exists(home));
        Assert.True(File.Exists(Path.Combine(outside, "kept")));
    }

    [Fact]
    public async Task A_tree_that_is_deeper_than_any_path_can_say_is_removed()
    {
        var home = Path.Combine(_directory, "home");
        Nest(home);
        for (var i = 0; i < 2; i++)
        {
            var outer = Path.Combine(_directory, $"outer{i}");
            Directory.Move(home, Path.Combine(Nest(outer), "inner"));
            Directory.Move(outer, home);
        }

        await _files.RemoveAsync(home, CancellationToken.None);

        Assert.False(Directory.Exists(home));

        // As long a path as there can be, nearly.
        static string Nest(string root)
        {
            for (var deeper = root; deeper.Length < 3500; deeper = Path.Combine(deeper, new string('d', 200)))
            {
                root = Directory.CreateDirectory(deeper).FullName;
            }

            return root;
        }
    }

    [NeedsFact("bash")]
    public async Task A_name_that_is_no_text_is_removed()
    {
        var home = Path.Combine(_directory, "home");
        _files.MakeDirectory(home);
        using (var bash = Process.Start("bash", ["-c", "mkdir \"$0\"/$'\\xff' && touch \"$0\"/$'\\xff/\\xfe'", home]))
        {
            await bash.WaitForExitAsync();
            Assert.Equal(0, bash.ExitCode);
        }

        await _files.RemoveAsync(home, CancellationToken.None);

        Assert.False(Directory.Exists(home));
    }
}
