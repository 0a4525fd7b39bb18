using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.UserConfigs;

public sealed class StagingDirectoryTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    private string Target => _scratch.Directory("configs/target");

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task What_is_replaced_goes_and_the_rest_stays()
    {
        Directory.CreateDirectory(Path.Combine(Target, "profile/old"));
        File.WriteAllText(Path.Combine(Target, "file"), "old");
        File.WriteAllText(Path.Combine(Target, "other"), "kept");
        await MoveAsync(staging =>
        {
            Directory.CreateDirectory(Path.Combine(staging, "profile/new"));
            File.WriteAllText(Path.Combine(staging, "file"), "new");
            File.CreateSymbolicLink(Path.Combine(staging, "link"), "file");
        });
        Assert.Equal(["new"], Directory.GetDirectories(Path.Combine(Target, "profile")).Select(Path.GetFileName));
        Assert.Equal(("new", "new", "kept"), (Read("file"), Read("link"), Read("other")));
        Assert.Equal(["target"], Directory.GetFileSystemEntries(_scratch["configs"]).Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_link_in_the_way_is_replaced_and_not_followed()
    {
        File.WriteAllText(Path.Combine(_scratch.Directory("outside"), "precious"), "kept");
        File.CreateSymbolicLink(Path.Combine(Target, "profile"), _scratch["outside"]);
        Directory.CreateDirectory(Path.Combine(Target, "deep"));
        File.CreateSymbolicLink(Path.Combine(Target, "deep/link"), _scratch["outside"]);
        await MoveAsync(staging =>
        {
            Directory.CreateDirectory(Path.Combine(staging, "profile"));
            Directory.CreateDirectory(Path.Combine(staging, "deep"));
        });
        Assert.Null(new DirectoryInfo(Path.Combine(Target, "profile")).LinkTarget);
        Assert.Equal("kept", File.ReadAllText(_scratch["outside/precious"]));
    }

    [Fact]
    public async Task A_directory_in_the_way_is_moved_out_before_it_is_looked_into()
    {
        // Nobody may read or enter it: whoever deletes it where it is has to.
        var locked = Directory.CreateDirectory(Path.Combine(Target, "profile/locked"), UnixFileMode.None).FullName;
        await using var staging = StagingDirectory.Beside(Target);
        Directory.CreateDirectory(Path.Combine(staging.Path, "profile"));
        staging.MoveInto(Target);
        var moved = Path.Combine(Path.GetDirectoryName(staging.Path)!, "old/profile/locked");
        Assert.True(Directory.Exists(moved));
        Assert.False(Directory.Exists(locked));
        File.SetUnixFileMode(moved, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private string Read(string name) => File.ReadAllText(Path.Combine(Target, name));

    private async Task MoveAsync(Action<string> fill)
    {
        await using var staging = StagingDirectory.Beside(Target);
        fill(staging.Path);
        staging.MoveInto(Target);
    }
}
