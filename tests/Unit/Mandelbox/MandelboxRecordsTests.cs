using HostService.GrainInterfaces;
using HostService.Infrastructure;
using HostService.Infrastructure.Storage.Records;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Tests.Support;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Mandelbox;

public sealed class MandelboxRecordsTests : IDisposable
{
    private static readonly MandelboxRecord Record = new()
    {
        MandelboxId = "m1",
        ContainerId = "c1",
        UserId = "user",
        AppName = "browsers/chrome",
        SessionId = ulong.MaxValue,
        AesKey = "00112233445566778899aabbccddeeff",
        Fetched = FetchOutcome.Restored,
        ArchiveKey = ArchiveKey.New("the user's token").ToSecret(),
        Phases = [new MandelboxPhase(MandelboxState.Running, DateTimeOffset.UnixEpoch)],
    };

    private readonly ScratchDirectory _scratch = new();
    private readonly RecordingLogger<MandelboxRecords> _log = new();
    private readonly HostOptions _options;
    private readonly MandelboxRecords _records;

    public MandelboxRecordsTests()
    {
        _options = new HostOptions { RuntimeRoot = _scratch["run"] };
        _records = new MandelboxRecords(Options.Create(_options), _log);
    }

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_record_is_read_as_it_was_written_and_only_its_owner_can()
    {
        _records.Write(Record);

        Assert.Equivalent(Record, _records.Find("m1"), strict: true);
        Assert.Equivalent(Record, Assert.Single(_records.ReadAll()), strict: true);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FileOf("m1")));
        const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Assert.Equal(Owner, File.GetUnixFileMode(_options.RecordsDirectory));
        Assert.Equal(Owner, File.GetUnixFileMode(_options.RuntimeRoot));
    }

    [Fact]
    public async Task A_record_holds_no_token_and_shows_no_secret()
    {
        _records.Write(Record);

        Assert.DoesNotContain("token", await File.ReadAllTextAsync(FileOf("m1")), StringComparison.Ordinal);
        Assert.DoesNotContain(Record.AesKey, Record.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(Record.ArchiveKey!, Record.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"MandelboxId\":\"m1\",\"Contai")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"MandelboxId\":\"m1\"}")]
    public async Task A_damaged_record_is_told_and_costs_only_itself(string content)
    {
        _records.Write(Record with { MandelboxId = "m2" });
        await File.WriteAllTextAsync(FileOf("m1"), content);

        Assert.Equal(["m2"], _records.ReadAll().Select(r => r.MandelboxId));
        Assert.Null(_records.Find("m1"));
        Assert.Contains(_log.Lines, line => line.Contains("cannot be used", StringComparison.Ordinal));
    }

    [Fact]
    public void A_record_under_the_name_of_another_mandelbox_is_damaged()
    {
        _records.Write(Record);
        File.Move(FileOf("m1"), FileOf("m2"));

        Assert.Empty(_records.ReadAll());
    }

    [Fact]
    public void Without_a_directory_there_are_none_and_removing_one_is_no_error()
    {
        Assert.Empty(_records.ReadAll());
        Assert.Null(_records.Find("m1"));
        _records.Remove("m1");

        _records.Write(Record);
        _records.Remove("m1");
        Assert.Empty(_records.ReadAll());
    }

    [Fact]
    public void What_a_writer_that_was_killed_has_left_is_removed_and_no_record()
    {
        _records.Write(Record);
        File.Copy(FileOf("m1"), Path.Combine(_options.RecordsDirectory, $".m2.json.{Guid.NewGuid():N}"));

        _records.RemoveUnfinished();

        Assert.Equal([FileOf("m1")], Directory.GetFileSystemEntries(_options.RecordsDirectory));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("0011")]
    [InlineData("not hexadecimal")]
    public void The_text_of_an_archive_key_that_is_damaged_gives_none(string? text)
    {
        Assert.Null(ArchiveKey.FromSecret(text));
        Assert.Null(ArchiveKey.FromSecret(Record.ArchiveKey![2..] + "00"));
        Assert.Equal(Record.ArchiveKey, ArchiveKey.FromSecret(Record.ArchiveKey)!.ToSecret());
    }

    private string FileOf(string id) => Path.Combine(_options.RecordsDirectory, $"{id}.json");
}
