using System.Diagnostics;
using System.Net.Sockets;
using HostService.Infrastructure.Linux.Libc;
using HostService.Infrastructure.Storage.UserConfigs.Archive;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.UserConfigs;

public sealed class ChangingFileTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_file_that_grows_is_cut_off_at_the_length_that_was_promised() =>
        Assert.Equal([1, 2, 3], ReadAll([1, 2, 3, 4, 5], promised: 3));

    [Fact]
    public void A_file_that_shrinks_is_filled_with_zeros() => Assert.Equal([1, 2, 0, 0, 0], ReadAll([1, 2], promised: 5));

    [Fact]
    public void What_vanished_or_became_a_link_is_not_opened()
    {
        File.CreateSymbolicLink(_scratch["link"], "/etc/passwd");
        using var directory = DirectoryCalls.OpenDirectory(_scratch.Path);
        Assert.Null(DirectoryCalls.OpenBeneath(directory, "gone"));
        Assert.Null(DirectoryCalls.OpenBeneath(directory, "link"));
        Assert.Null(DirectoryCalls.Status(directory, "gone"));
        Assert.Null(DirectoryCalls.ReadLink(directory, "gone"));
        Assert.Equal("/etc/passwd", DirectoryCalls.ReadLink(directory, "link"));
    }

    [Fact]
    public async Task Sockets_and_pipes_are_left_out_and_never_waited_for()
    {
        var source = _scratch.Directory("source");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(Path.Combine(source, "socket")));
        using (var mkfifo = Process.Start("mkfifo", Path.Combine(source, "pipe")))
        {
            await mkfifo.WaitForExitAsync();
        }

        File.WriteAllText(Path.Combine(source, "file"), "content");

        var target = _scratch.Directory("target");
        await ArchiveBytes.UnpackAsync(await ArchiveBytes.OfDirectoryAsync(source), target);

        Assert.Equal(["file"], Directory.GetFileSystemEntries(target).Select(Path.GetFileName));
    }

    private byte[] ReadAll(byte[] there, long promised)
    {
        File.WriteAllBytes(_scratch["file"], there);
        using var stream = new FixedLengthFile(File.OpenHandle(_scratch["file"]), promised);
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }
}
