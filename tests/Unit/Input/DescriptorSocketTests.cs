using System.Net.Sockets;
using HostService.Infrastructure.Input;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace HostService.Tests.Unit.Input;

/// <summary>With ordinary files for devices: the kernel makes no difference.</summary>
public sealed class DescriptorSocketTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("sockets");
    private readonly List<SafeFileHandle> _files;

    public DescriptorSocketTests()
    {
        SocketPath = Path.Combine(_directory.FullName, "uinput.sock");
        _files = [.. new[] { "absolute", "relative", "keyboard" }.Select(name =>
        {
            var path = Path.Combine(_directory.FullName, name);
            File.WriteAllText(path, name);
            return File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        })];
    }

    private string SocketPath { get; set; }

    [Fact]
    public async Task The_first_client_gets_all_descriptors_in_one_message_in_order()
    {
        await using var socket = Listen();

        using var client = new DescriptorClient(SocketPath);

        AssertGiven(client);
    }

    [Fact]
    public async Task What_the_client_writes_goes_through_the_same_open_file()
    {
        await using var socket = Listen();
        using var client = new DescriptorClient(SocketPath);
        var (_, files) = client.Receive();

        RandomAccess.Write(files[2], "KEYBOARD"u8, 0);

        Assert.Equal("KEYBOARD", DescriptorClient.ContentOf(_files[2]));
    }

    [Fact]
    public async Task Any_user_may_connect()
    {
        await using var socket = Listen();

        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite,
            File.GetUnixFileMode(SocketPath));
    }

    [Fact]
    public void A_link_in_the_sockets_place_does_not_pass_the_mode_on_to_its_target()
    {
        const UnixFileMode ownerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var target = Path.Combine(_directory.FullName, "shadow");
        File.WriteAllText(target, "");
        File.SetUnixFileMode(target, ownerOnly);
        File.CreateSymbolicLink(SocketPath, target);

        Record.Exception(() => DescriptorSocket.SetMode(SocketPath, ownerOnly | UnixFileMode.OtherRead | UnixFileMode.OtherWrite));

        Assert.Equal(ownerOnly, File.GetUnixFileMode(target));
    }

    [Fact]
    public async Task A_second_client_is_turned_away_while_the_first_is_there_and_after_it_left()
    {
        await using var socket = Listen();
        var first = new DescriptorClient(SocketPath);
        AssertGiven(first);

        using (var second = new DescriptorClient(SocketPath))
        {
            second.AssertTurnedAway();
        }

        first.Dispose();
        using var third = new DescriptorClient(SocketPath);
        third.AssertTurnedAway();
    }

    [Fact]
    public async Task A_client_that_connects_and_goes_is_not_counted()
    {
        await using var socket = Listen();
        for (var i = 0; i < 50; i++)
        {
            new DescriptorClient(SocketPath).Dispose();
        }

        using var client = new DescriptorClient(SocketPath);

        AssertGiven(client);
    }

    [Fact]
    public async Task A_client_that_goes_without_taking_what_was_sent_is_not_counted()
    {
        await using var socket = Listen();
        using (var first = new DescriptorClient(SocketPath))
        {
            first.WaitForSomething();
        }

        using var second = new DescriptorClient(SocketPath);

        AssertGiven(second);
    }

    [Fact]
    public async Task A_client_that_never_comes_does_not_hold_up_the_end()
    {
        var socket = Listen();

        await socket.DisposeAsync();
        await socket.DisposeAsync();

        Assert.False(Path.Exists(SocketPath));
        Assert.Throws<SocketException>(() => new DescriptorClient(SocketPath));
    }

    [Fact]
    public async Task At_the_end_the_client_is_told()
    {
        var socket = Listen();
        using var client = new DescriptorClient(SocketPath);
        AssertGiven(client);

        await socket.DisposeAsync();

        client.AssertTurnedAway();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_an_earlier_run_left_at_the_path_is_replaced(bool aSocket)
    {
        using var stale = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        if (aSocket)
        {
            stale.Bind(new UnixDomainSocketEndPoint(SocketPath));
        }
        else
        {
            await File.WriteAllTextAsync(SocketPath, "stale");
        }

        await using var socket = Listen();
        using var client = new DescriptorClient(SocketPath);

        AssertGiven(client);
    }

    [Fact]
    public async Task A_mandelbox_id_of_128_characters_has_its_socket_too()
    {
        var usual = SocketPath;
        SocketPath = Path.Combine(_directory.FullName, new string('i', 128), "sockets", "uinput.sock");
        await using (Listen())
        {
            // As the mandelbox sees it: the same directory, bound to a short path.
            var link = Path.Combine(_directory.FullName, "s");
            Directory.CreateSymbolicLink(link, Path.GetDirectoryName(SocketPath)!);
            using var client = new DescriptorClient(Path.Combine(link, "uinput.sock"));
            AssertGiven(client);
        }

        Assert.False(Path.Exists(SocketPath));
        SocketPath = usual;
    }

    [Fact]
    public async Task A_directory_that_went_first_does_no_harm()
    {
        SocketPath = Path.Combine(_directory.FullName, "gone", "uinput.sock");
        var socket = Listen();
        Directory.Delete(Path.GetDirectoryName(SocketPath)!, recursive: true);

        await socket.DisposeAsync();

        Assert.False(Path.Exists(SocketPath));
    }

    [Fact]
    public async Task A_directory_that_a_program_put_in_the_sockets_place_does_not_keep_it_from_ending()
    {
        var socket = Listen();
        File.Delete(SocketPath);
        Directory.CreateDirectory(Path.Combine(SocketPath, "with something in it"));

        await socket.DisposeAsync();

        // It goes with the mandelbox's own directory.
        Assert.True(Directory.Exists(SocketPath));
    }

    public void Dispose()
    {
        _files.ForEach(f => f.Dispose());
        _directory.Delete(recursive: true);
    }

    private static void AssertGiven(DescriptorClient client)
    {
        var (bytes, files) = client.Receive();
        Assert.Equal(1, bytes);
        Assert.Equal(["absolute", "relative", "keyboard"], files.Select(DescriptorClient.ContentOf));
    }

    private DescriptorSocket Listen() => new(SocketPath, _files, TimeProvider.System, NullLogger.Instance);
}
