using System.Net;
using System.Text.Json.Nodes;
using HostService.Infrastructure.Linux.Mounts;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd;

/// <summary>B29's drives over the wire: a real rclone, FUSE, and a provider that is a local directory.</summary>
[Collection(BackendCollection.Name)]
public sealed class CloudStorageTests(EngineFixture engine) : IAsyncLifetime
{
    private const string Rclone = "rclone";
    private const string Fuse = "fusermount3";
    private const string Device = "/dev/fuse";

    /// <summary>Found nowhere else on this machine.</summary>
    private readonly string _secret = Guid.NewGuid().ToString("N");
    private readonly ScratchDirectory _backing = new();
    private readonly ScratchDirectory _directory = new();
    private RunningService _service = null!;
    private bool _made;

    /// <summary>
    /// Without root nothing can be made shared, and a look into a container is not allowed: then it is seen on the host only.
    /// </summary>
    private bool _shared;

    public async Task InitializeAsync()
    {
        if (EngineFixture.SkipReason is not null || Needs.SkipReason([Rclone, Fuse, Device]) is not null)
        {
            return;
        }

        // As on a host with systemd: what is mounted there later reaches into containers.
        _shared = Environment.IsPrivilegedProcess;
        _made = _shared && SharedMount.Ensure(_directory.Path);
        _service = await RunningService.StartLocalAsync(
            _directory,
            engine,
            ("CloudStorage__Providers__local__Type", "alias"),
            ("CloudStorage__Providers__local__Directory", "Local Drive"),
            ("CloudStorage__Providers__local__Options__remote", _backing.Path),
            ("CloudStorage__Providers__broken__Type", "alias"),
            ("CloudStorage__Providers__broken__Directory", "Broken"));
    }

    public async Task DisposeAsync()
    {
        if (_service is not null)
        {
            await _service.Process.EndAsync();
            if (_made)
            {
                SharedMount.Release(_directory.Path);
            }

            await _service.DisposeAsync();
        }

        _backing.Dispose();
    }

    [EngineAndFact(Rclone, Fuse, Device)]
    public async Task A_drive_is_seen_on_the_host_and_inside_written_through_and_unmounted_at_the_end()
    {
        await File.WriteAllTextAsync(_backing["from-the-drive"], "hello");
        var port = (int)(await _service.UpAsync(RunningService.SpinUp("drive")))["port_32262"]!;
        Assert.Equal((HttpStatusCode.OK, """{"result":""}"""), await MountAsync(port, "local"));

        Assert.Equal("hello", await File.ReadAllTextAsync(Path.Combine(OnHost("drive"), "Local Drive", "from-the-drive")));
        if (_shared)
        {
            Assert.Equal("hello", await File.ReadAllTextAsync(
                await _service.InsideAsync("drive", "/fractal/cloudStorage/Local Drive/from-the-drive")));
            await File.WriteAllTextAsync(
                await _service.InsideAsync("drive", "/fractal/cloudStorage/Local Drive/from-inside"), "written inside");

            // Beside the drives nobody inside can put anything, such as a link where the next drive is going to be mounted.
            var beside = await _service.InsideAsync("drive", "/fractal/cloudStorage/Dropbox");
            var refused = Assert.ThrowsAny<IOException>(() => File.CreateSymbolicLink(beside, "/etc"));
            Assert.Contains("Read-only file system", refused.Message, StringComparison.Ordinal);
        }

        await File.WriteAllTextAsync(Path.Combine(OnHost("drive"), "Local Drive", "from-the-host"), "written outside");
        AssertSecretIsNowhere();

        // What fails leaves the one that works, and the directory that the container has bound.
        var (status, answer) = await MountAsync(port, "broken");
        Assert.Equal(HttpStatusCode.NotAcceptable, status);
        Assert.DoesNotContain(_secret, answer, StringComparison.Ordinal);
        Assert.Equal((HttpStatusCode.OK, """{"result":""}"""), await MountAsync(port, "local"));

        await _service.EndAsync("drive");
        Assert.False(Directory.Exists(OnHost("drive")));
        Assert.DoesNotContain(File.ReadLines("/proc/self/mountinfo"), line => line.Contains(_service.CloudStorageRoot, StringComparison.Ordinal) && line.Contains("rclone", StringComparison.Ordinal));
        Assert.Equal("written outside", await File.ReadAllTextAsync(_backing["from-the-host"]));
        if (_shared)
        {
            Assert.Equal("written inside", await File.ReadAllTextAsync(_backing["from-inside"]));
        }

        AssertSecretIsNowhere();
        await _service.AssertNothingIsHeldAsync();
    }

    [EngineAndFact(Rclone, Fuse, Device)]
    public async Task A_drive_that_is_mounted_after_one_has_failed_is_seen_inside_as_well()
    {
        var port = (int)(await _service.UpAsync(RunningService.SpinUp("retry")))["port_32262"]!;
        Assert.Equal(HttpStatusCode.NotAcceptable, (await MountAsync(port, "broken")).Status);
        Assert.Equal(HttpStatusCode.OK, (await MountAsync(port, "local")).Status);
        await File.WriteAllTextAsync(_backing["late"], "late");
        var seen = _shared ? await _service.InsideAsync("retry", "/fractal/cloudStorage/Local Drive/late") : Path.Combine(
            OnHost("retry"), "Local Drive", "late");
        Assert.Equal("late", await File.ReadAllTextAsync(seen));
    }

    [EngineAndFact(Rclone, Fuse, Device)]
    public async Task The_container_s_directory_is_there_before_the_container_and_goes_only_when_it_is_empty()
    {
        await _service.UpAsync(RunningService.SpinUp("empty"));
        await _service.UpAsync(RunningService.SpinUp("full"));
        Assert.Equal((UnixFileMode)0b111_101_101, File.GetUnixFileMode(OnHost("empty")));
        await File.WriteAllTextAsync(Path.Combine(OnHost("full"), "a user's file"), "precious");

        await _service.EndAsync("empty");
        await _service.EndAsync("full");
        Assert.False(Directory.Exists(OnHost("empty")));
        Assert.Equal("precious", await File.ReadAllTextAsync(Path.Combine(OnHost("full"), "a user's file")));
        Assert.Equal(0, await _service.Process.EndAsync());
        Assert.Equal("precious", await File.ReadAllTextAsync(Path.Combine(OnHost("full"), "a user's file")));
    }

    private string OnHost(string id) => Path.Combine(_service.CloudStorageRoot, id);

    private async Task<(HttpStatusCode Status, string Answer)> MountAsync(int port, string provider)
    {
        var (status, answer) = await _service.BackendAsync(HttpMethod.Post, "/mount_cloud_storage", new JsonObject
        {
            ["host_port"] = port,
            ["provider"] = provider,
            ["access_token"] = $"access-{_secret}",
            ["refresh_token"] = $"refresh-{_secret}",
            ["expiry"] = "2021-10-03T04:05:06Z",
            ["token_type"] = "Bearer",
            ["client_id"] = "client",
            ["client_secret"] = $"secret-{_secret}",
        });
        return (status, answer.ToJsonString());
    }

    /// <summary>Not on a command line, in the log, or in a file.</summary>
    private void AssertSecretIsNowhere()
    {
        var commands = Directory.EnumerateDirectories("/proc").Where(p => Path.GetFileName(p).All(char.IsAsciiDigit)).Select(CommandLine);
        Assert.DoesNotContain(commands, c => c.Contains(_secret, StringComparison.Ordinal));
        Assert.DoesNotContain(_secret, _service.Process.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(_secret, _service.Process.Output.Text, StringComparison.Ordinal);
        var files = new[] { _service.Root, _service.Process.Settings.PrivateRoot, _backing.Path }
            .SelectMany(
                d => Directory.EnumerateFiles(d, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = default }))
            .Where(f => new FileInfo(f) is { Length: > 0 })

            // Locked while the service runs: by that another one knows.
            .Where(f => Path.GetFileName(f) != ".host-service");
        Assert.DoesNotContain(files, f => File.ReadAllText(f).Contains(_secret, StringComparison.Ordinal));
    }

    /// <summary>Empty where the process has ended meanwhile.</summary>
    private static string CommandLine(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline"));
        }
        catch (IOException)
        {
            return "";
        }
    }
}
