using HostService.Infrastructure;
using HostService.Infrastructure.Files;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace HostService.Tests.Unit.Files;

public sealed class HostDirectoriesTests : IDisposable
{
    private readonly string _place = Directory.CreateTempSubdirectory("host-directories-").FullName;

    private HostOptions Options => new()
    {
        Root = Path.Combine(_place, "fractal"),
        PrivateRoot = Path.Combine(_place, "private"),
        CloudStorageRoot = Path.Combine(_place, "cloud"),
        ManageSystem = false,
    };

    public void Dispose() => Directory.Delete(_place, recursive: true);

    private HostDirectories Directories() =>
        new(Microsoft.Extensions.Options.Options.Create(Options), NullLogger<HostDirectories>.Instance);

    [Fact]
    public void What_was_made_is_removed_and_users_drives_stay()
    {
        using var directories = Directories();
        directories.Make();
        Assert.Equal(["cloud", "fractal", "private"], Directory.GetDirectories(_place).Select(Path.GetFileName).Order());
        Assert.Equal((UnixFileMode)0b111_111_111, File.GetUnixFileMode(Options.Root));
        Assert.Equal((UnixFileMode)0b111_000_000, File.GetUnixFileMode(directories.Temp));
        Assert.Equal((UnixFileMode)0b111_000_000, File.GetUnixFileMode(Options.PrivateRoot));
        directories.RemoveAll();
        directories.RemoveAll();
        Assert.Equal(["cloud"], Directory.GetDirectories(_place).Select(Path.GetFileName));
    }

    [Fact]
    public void An_operators_own_files_in_the_private_directory_stay()
    {
        using var directories = Directories();
        Directory.CreateDirectory(Options.PrivateRoot);
        File.WriteAllText(Path.Combine(Options.PrivateRoot, "operator.pem"), "");
        directories.Make();
        directories.RemoveAll();
        Assert.True(File.Exists(Path.Combine(Options.PrivateRoot, "operator.pem")));
    }

    [Fact]
    public void The_loser_of_two_simultaneous_starts_removes_nothing_of_the_winners()
    {
        using var winner = Directories();
        using var loser = Directories();
        winner.Make();

        Assert.Throws<IOException>(loser.Make);
        loser.RemoveAll();

        Assert.True(Directory.Exists(winner.Temp));
        winner.RemoveAll();
    }

    [Fact]
    public void A_full_disk_fails_the_start_and_not_the_end()
    {
        Directory.CreateDirectory(Options.Root);
        File.CreateSymbolicLink(Path.Combine(Options.Root, ".host-service"), "/dev/full");
        var directories = Directories();

        Assert.Contains("No space left", Assert.Throws<IOException>(directories.Make).Message, StringComparison.Ordinal);

        Assert.Null(Record.Exception(directories.Dispose));
    }

    [Fact]
    public void What_a_container_may_still_use_is_left_and_told_with_the_names_of_the_mandelboxes()
    {
        var logger = new RecordingLogger<HostDirectories>();
        using var directories = new HostDirectories(Microsoft.Extensions.Options.Options.Create(Options), logger);
        directories.Make();
        directories.InUseBy = ["m1", "m2"];

        directories.RemoveAll();
        directories.RemoveAll();

        Assert.Equal(Options.Root, directories.Leftover);
        Assert.False(Directory.Exists(Options.PrivateRoot));
        Assert.Contains("may still run, and use it: m1, m2", Assert.Single(logger.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_that_made_nothing_removes_nothing()
    {
        Directory.CreateDirectory(Options.Root);
        using var directories = Directories();
        directories.RemoveAll();
        Assert.Equal(Options.Root, directories.Leftover);
    }

    [Fact]
    public void A_directory_that_this_service_did_not_make_is_never_reclaimed()
    {
        Directory.CreateDirectory(Options.Root);
        File.WriteAllText(Path.Combine(Options.Root, "somebody's file"), "");
        using var directories = Directories();
        Assert.Throws<IOException>(() => directories.Reclaim([]));
        Assert.True(File.Exists(Path.Combine(Options.Root, "somebody's file")));
    }

    [Fact]
    public void What_a_run_left_that_was_killed_before_it_could_mark_its_directory_is_reclaimed()
    {
        Directory.CreateDirectory(Options.Root);
        using var next = Directories();

        next.Reclaim([]);

        Assert.False(Directory.Exists(Options.Root));
        next.Make();
        next.RemoveAll();
    }

    [Fact]
    public void A_disk_that_is_full_fails_the_start_once_and_not_the_disposal_again()
    {
        Directory.CreateDirectory(Options.Root);
        File.CreateSymbolicLink(Path.Combine(Options.Root, ".host-service"), "/dev/full");
        var directories = Directories();
        Assert.Contains("No space left", Assert.Throws<IOException>(directories.Make).Message, StringComparison.Ordinal);
        directories.Dispose();
    }

    [Fact]
    public void What_mandelboxes_that_go_on_use_stays_when_the_rest_is_reclaimed_and_goes_with_this_run()
    {
        var crashed = Directories();
        crashed.Make();
        crashed.Dispose();
        foreach (var path in new[] { "alive/userConfigs", "dead/userConfigs", "temp/alive/sockets", "temp/dead/sockets", "temp/logs/dead/1" })
        {
            Directory.CreateDirectory(Path.Combine(Options.Root, path));
        }

        using var directories = Directories();
        directories.Reclaim(["alive"]);
        directories.Make();

        Assert.Equal(["alive", "temp"], Names(Options.Root));
        Assert.Equal(["alive", "logs"], Names(directories.Temp));
        directories.RemoveAll();
        Assert.False(Directory.Exists(Options.Root));

        static IEnumerable<string?> Names(string path) => Directory.GetDirectories(path).Select(Path.GetFileName).Order(StringComparer.Ordinal);
    }

    [Fact]
    public void What_a_crashed_run_left_is_reclaimed_and_what_a_running_one_has_is_not()
    {
        var running = Directories();
        running.Make();
        using var other = Directories();
        Assert.Contains("is used by a running host service", Assert.Throws<IOException>(() => other.Reclaim([])).Message, StringComparison.Ordinal);
        Assert.True(Directory.Exists(Options.Root));
        running.Dispose();
        other.Reclaim([]);
        Assert.False(Directory.Exists(Options.Root));
    }
}
