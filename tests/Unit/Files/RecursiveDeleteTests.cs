using System.Diagnostics;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Linux.Libc;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Files;

public sealed class RecursiveDeleteTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Whatever_the_names_are_all_of_it_goes()
    {
        // The BCL finds no file of the second name, and so cannot remove its directory.
        await ShellAsync("mkdir -p \"$0\"/t/a/b \"$0\"/t/$(printf 'd\\377') && echo x >\"$0\"/t/a/b/c && echo x >\"$0\"/t/$(printf "
            + "'caf\\351') && mkfifo \"$0\"/t/pipe");
        Assert.True(TryRemove("t"));
        Assert.Empty(Directory.GetFileSystemEntries(_scratch.Path));
    }

    [Fact]
    public async Task However_many_entries_there_are_all_of_them_go_without_a_program()
    {
        await ShellAsync("mkdir \"$0\"/t && cd \"$0\"/t && seq 5000 | xargs touch && mkdir $(seq -f d%g 300)");
        Assert.True(TryRemove("t"));
        Assert.Empty(Directory.GetFileSystemEntries(_scratch.Path));
    }

    [Fact]
    public void What_a_link_leads_to_stays()
    {
        File.WriteAllText(Path.Combine(_scratch.Directory("outside"), "precious"), "kept");
        File.CreateSymbolicLink(Path.Combine(_scratch.Directory("t"), "link"), _scratch["outside"]);
        File.CreateSymbolicLink(_scratch["link"], _scratch["outside"]);
        Assert.True(TryRemove("t"));
        RecursiveDelete.Remove(_scratch["link"]);
        Assert.Equal(["outside"], Directory.GetFileSystemEntries(_scratch.Path).Select(Path.GetFileName));
        Assert.Equal("kept", File.ReadAllText(_scratch["outside/precious"]));
    }

    [Fact]
    public void A_link_that_has_taken_the_place_of_a_directory_is_not_opened()
    {
        _scratch.Directory("t/directory");
        File.CreateSymbolicLink(_scratch["t/link"], _scratch["t/directory"]);
        using var parent = DirectoryCalls.TryOpenDirectory(_scratch["t"]);
        using var directory = DirectoryCalls.TryOpenDirectoryBeneath(parent!, "directory\0"u8);
        Assert.NotNull(directory);
        Assert.Null(DirectoryCalls.TryOpenDirectoryBeneath(parent!, "link\0"u8));
        Assert.Null(DirectoryCalls.TryOpenDirectory(_scratch["t/link"]));
    }

    [Fact]
    public async Task A_tree_deeper_than_any_path_goes_too()
    {
        await ShellAsync(
            "mkdir \"$0\"/t && cd \"$0\"/t && for i in $(seq 700); do mkdir directory && cd -P directory && echo x >file; done");
        Assert.False(TryRemove("t"));
        RecursiveDelete.Remove(_scratch["t"]);
        Assert.Empty(Directory.GetFileSystemEntries(_scratch.Path));
    }

    [Fact]
    public void A_removal_that_is_cancelled_ends()
    {
        _scratch.Directory("t/a");
        Assert.ThrowsAny<OperationCanceledException>(() => RecursiveDelete.TryRemove(_scratch["t"], new CancellationToken(canceled: true)));
        Assert.True(Directory.Exists(_scratch["t/a"]));
    }

    [Fact]
    public void What_is_not_there_is_no_error()
    {
        RecursiveDelete.Remove(_scratch["gone"]);
        RecursiveDelete.Remove(_scratch["gone/further"]);
    }

    /// <summary>Without a program.</summary>
    private bool TryRemove(string name) => RecursiveDelete.TryRemove(_scratch[name], CancellationToken.None);

    private async Task ShellAsync(string command)
    {
        using var shell = Process.Start("sh", ["-c", command, _scratch.Path]);
        await shell.WaitForExitAsync();
        Assert.Equal(0, shell.ExitCode);
    }
}
