using HostService.Grains.Host;
using HostService.Infrastructure;
using HostService.Infrastructure.Files;
using HostService.Tests.Support;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Host;

public sealed class DiskQuotasTests : IDisposable
{
    private const int Bytes = 1 << 20;
    private readonly ScratchDirectory _directory = new();
    private readonly ManualClock _clock = new();
    private readonly MandelboxFiles _files;
    private readonly DiskOptions _options = new() { LogBytes = 4 * Bytes, HomeBytes = 4 * Bytes, LogsMaxBytes = 10 * Bytes };

    public DiskQuotasTests() => _files = new MandelboxFiles(_clock);

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("temp/logs/m/7/app.log", "Disk:LogBytes")]
    [InlineData("temp/m/sockets/file", "Disk:HomeBytes")]
    [InlineData("m/mandelboxResourceMappings/file", "Disk:HomeBytes")]
    [InlineData("m/userConfigs/unpacked_configs/file", "Disk:HomeBytes")]
    public void Too_much_in_any_directory_that_a_mandelbox_can_write_to_is_named_by_its_key(string file, string key)
    {
        var quotas = Quotas();
        Write(file, 3 * Bytes);
        Assert.Null(quotas.Excess("m"));

        Write(file + "2", 2 * Bytes);
        Assert.Contains(key, quotas.Excess("m"), StringComparison.Ordinal);
        Assert.Null(quotas.Excess("other"));
    }

    [Fact]
    public void Sockets_mappings_and_configs_have_one_limit_together()
    {
        Write("temp/m/sockets/file", 2 * Bytes);
        Write("m/userConfigs/unpacked_configs/file", 3 * Bytes);

        Assert.Contains("Disk:HomeBytes", Quotas().Excess("m"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Logs_are_removed_when_they_are_older_than_their_age_since_the_end_of_their_mandelbox()
    {
        var quotas = Quotas();
        Ended("old");
        _clock.Advance(_options.LogsMaxAge - TimeSpan.FromMinutes(1));
        Ended("young");
        Write("temp/logs/alive/1/app.log", Bytes);
        Directory.SetLastWriteTimeUtc(_directory["temp/logs/alive"], DateTime.UnixEpoch);
        await quotas.RemoveOldLogsAsync(["alive"], default);
        Assert.Equal(["alive", "old", "young"], Logs());

        _clock.Advance(TimeSpan.FromMinutes(1));
        await quotas.RemoveOldLogsAsync(["alive"], default);
        Assert.Equal(["alive", "old", "young"], Logs());

        _clock.Advance(TimeSpan.FromSeconds(1));
        await quotas.RemoveOldLogsAsync(["alive"], default);
        Assert.Equal(["alive", "young"], Logs());
    }

    [Fact]
    public async Task A_mandelbox_that_ended_again_is_measured_again()
    {
        var quotas = Quotas();
        Ended("again");
        Ended("other", 2 * Bytes);
        await quotas.RemoveOldLogsAsync([], default);

        _clock.Advance(TimeSpan.FromMinutes(1));
        Ended("again", 9 * Bytes);
        await quotas.RemoveOldLogsAsync([], default);
        Assert.Equal(["again"], Logs());
    }

    [Fact]
    public async Task A_host_that_has_had_no_mandelbox_has_no_logs_to_remove()
    {
        await Quotas().RemoveOldLogsAsync([], default);

        Assert.Empty(Directory.GetFileSystemEntries(_directory.Path));
    }

    [Fact]
    public async Task Of_too_many_logs_those_go_whose_mandelboxes_ended_first()
    {
        var quotas = Quotas();
        foreach (var id in new[] { "first", "second", "third" })
        {
            Ended(id, 3 * Bytes);
            _clock.Advance(TimeSpan.FromMinutes(1));
        }

        await quotas.RemoveOldLogsAsync([], default);
        Assert.Equal(["first", "second", "third"], Logs());

        // Those of a mandelbox that is alive count, too.
        Write("temp/logs/alive/1/app.log", 3 * Bytes);
        await quotas.RemoveOldLogsAsync(["alive"], default);
        Assert.Equal(["alive", "second", "third"], Logs());
    }

    [Fact]
    public void A_mandelbox_that_wrote_no_log_leaves_no_directory()
    {
        Directory.CreateDirectory(_directory["temp/logs/silent/1"]);
        _files.KeepLogs(_directory["temp/logs/silent"]);
        _files.KeepLogs(_directory["temp/logs/silent"]);
        Assert.Empty(Logs());
    }

    [Fact]
    public void Too_little_free_space_is_a_reason_not_to_be_ready()
    {
        Assert.Null(Quotas().WhyNoRoom());
        _options.MinFreeBytes = long.MaxValue;
        Assert.Contains("Disk:MinFreeBytes", Quotas().WhyNoRoom(), StringComparison.Ordinal);
        Assert.Null(Quotas(root: _directory["removed at the end"]).WhyNoRoom());
    }

    private DiskQuotas Quotas(string? root = null) => new(
        Options.Create(new HostOptions { Root = root ?? _directory.Path }),
        Options.Create(_options),
        _files,
        _clock,
        new RecordingLogger<DiskQuotas>());

    private void Ended(string id, int bytes = Bytes)
    {
        Write($"temp/logs/{id}/1/app.log", bytes);
        _files.KeepLogs(_directory[$"temp/logs/{id}"]);
    }

    private void Write(string file, int bytes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_directory[file])!);
        File.WriteAllBytes(_directory[file], new byte[bytes]);
    }

    private IEnumerable<string?> Logs() => Directory.GetDirectories(_directory["temp/logs"]).Select(Path.GetFileName).Order();
}
