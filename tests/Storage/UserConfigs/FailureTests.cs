using System.Formats.Tar;
using System.Net;
using System.Security.Cryptography;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Infrastructure.Storage.UserConfigs.Archive;
using HostService.Tests.Support;

namespace HostService.Tests.Storage.UserConfigs;

/// <summary>Whatever goes wrong, the caller gets a reason, nothing is half unpacked, and the stored object stays as it was.</summary>
[Collection(nameof(S3Server))]
public sealed class FailureTests(S3Server server) : S3TestBase(server)
{
    [NeedsFact("node", Needs.S3Server)]
    public async Task A_test_of_the_store_tells_a_bucket_that_answers_from_one_that_is_not_there()
    {
        using var there = Stores.Create(new UserConfigsOptions { ServiceUrl = Server.Url, Bucket = S3Server.EmptyBucket });
        Assert.Equal("bucket empty answers", await there.TestAsync(default));
        using var elsewhere = Stores.Create(new UserConfigsOptions { ServiceUrl = Server.Url, Bucket = "no-such-bucket" });

        var fault = await Assert.ThrowsAsync<IOException>(() => elsewhere.TestAsync(default));

        Assert.StartsWith("bucket no-such-bucket: the store answered NoSuchBucket", fault.Message, StringComparison.Ordinal);
    }

    [NeedsFact("node", Needs.S3Server)]
    public async Task A_wrong_token_fails_and_changes_nothing()
    {
        using var calls = new RecordedMeasurements("host_service.backend.call.duration");
        var stored = await StoredArchiveAsync();
        var answer = await FetchAsync("not the token");
        Assert.Equal(FetchOutcome.Failed, answer.Outcome);
        Assert.DoesNotContain("not the token", answer.Reason, StringComparison.Ordinal);
        Assert.Equal(["service=s3 result=ok", "service=s3 result=failed"], calls.Labels);
        await AssertUnharmedAsync(stored);
    }

    [NeedsTheory("node", Needs.S3Server)]
    [InlineData(0)]
    [InlineData(8)]
    [InlineData(16)]
    [InlineData(32)]
    [InlineData(-17)]
    [InlineData(-16)]
    [InlineData(-1)]
    public async Task A_truncated_archive_fails_and_changes_nothing(int length)
    {
        var whole = await StoredArchiveAsync();
        var cut = length >= 0 ? whole[..length] : whole[..^-length];
        await StoreAsync(cut);
        Assert.Equal(FetchOutcome.Failed, (await FetchAsync()).Outcome);
        await AssertUnharmedAsync(cut);
    }

    [NeedsTheory("node", Needs.S3Server)]
    [InlineData("../escaped")]
    [InlineData("/tmp/escaped")]
    [InlineData("links/../../escaped")]
    public async Task An_archive_that_would_leave_the_directory_fails_and_changes_nothing(string name)
    {
        var archive = await ArchiveAsync(async writer =>
        {
            await writer.WriteEntryAsync(File("first"));
            await writer.WriteEntryAsync(File(name));
        });
        await StoreAsync(archive);
        Assert.Equal(FetchOutcome.Failed, (await FetchAsync()).Outcome);
        await AssertUnharmedAsync(archive);
    }

    [NeedsFact("node", Needs.S3Server)]
    public async Task An_archive_that_writes_through_a_link_fails_and_changes_nothing()
    {
        var archive = await ArchiveAsync(async writer =>
        {
            await writer.WriteEntryAsync(new PaxTarEntry(TarEntryType.Directory, "real"));
            await writer.WriteEntryAsync(new PaxTarEntry(TarEntryType.SymbolicLink, "link") { LinkName = "real" });
            await writer.WriteEntryAsync(File("link/file"));
        });
        await StoreAsync(archive);
        Assert.Equal(FetchOutcome.Failed, (await FetchAsync()).Outcome);
        await AssertUnharmedAsync(archive);
    }

    [NeedsFact("node", Needs.S3Server)]
    public async Task A_bomb_fails_and_changes_nothing()
    {
        var archive = await ArchiveAsync(async writer =>
        {
            await using var zeros = new FixedLengthFile(System.IO.File.OpenHandle("/dev/zero"), 100_000_000);
            await writer.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, "bomb") { DataStream = zeros });
        });
        await StoreAsync(archive);
        using var store = Stores.Create(new UserConfigsOptions { ServiceUrl = Server.Url, MaxUnpackedBytes = 10_000_000 });

        var answer = await store.FetchAsync(Key, Stores.Token, Target, CancellationToken.None);

        Assert.Equal(FetchOutcome.Failed, answer.Outcome);
        Assert.Contains("MaxUnpackedBytes", answer.Reason, StringComparison.Ordinal);
        await AssertUnharmedAsync(archive);
    }

    [NeedsTheory("node", Needs.S3Server)]
    [InlineData("INITIATE", "ServerError")]
    [InlineData("PART", "ServerError")]
    [InlineData("PART", "CutRequest")]
    [InlineData("PART", "FlipBit")]
    [InlineData("PART", "BadDigest")]
    [InlineData("PART", "InvalidDigest")]
    [InlineData("PART", "XAmzContentSHA256Mismatch")]
    [InlineData("COMPLETE", "ServerError")]
    public async Task A_request_of_a_save_that_fails_twice_is_tried_a_third_time(string kind, string fault)
    {
        await StoredArchiveAsync();
        await FillAsync();
        await using var way = await FaultyWay.ToAsync(
            Server.Url, (k, number) => k == kind && number <= 2 ? Enum.Parse<Fault>(fault) : Fault.None);
        using var store = Stores.Create(new UserConfigsOptions { ServiceUrl = way.Url });

        Assert.Equal(new SaveAnswer(Saved: true), await store.SaveAsync(Key, ArchiveKey.New(Stores.Token), Source, CancellationToken.None));

        Assert.Equal(FetchOutcome.Restored, (await FetchAsync()).Outcome);
        await Shell.RunAsync("diff -r \"$1\" \"$2\"", Source, Target);
    }

    [NeedsTheory("node", Needs.S3Server)]
    [InlineData("INITIATE", "ServerError")]
    [InlineData("PART", "ServerError")]
    [InlineData("PART", "CutRequest")]
    [InlineData("PART", "FlipBit")]
    [InlineData("PART", "BadDigest")]
    [InlineData("COMPLETE", "ServerError")]
    public async Task A_save_that_fails_three_times_keeps_what_was_stored(string kind, string fault)
    {
        var stored = await StoredArchiveAsync();
        await FillAsync();
        await using var way = await FaultyWay.ToAsync(Server.Url, (k, number) => k == kind ? Enum.Parse<Fault>(fault) : Fault.None);
        using var store = Stores.Create(new UserConfigsOptions { ServiceUrl = way.Url });

        var answer = await store.SaveAsync(Key, ArchiveKey.New(Stores.Token), Source, CancellationToken.None);

        Assert.False(answer.Saved);
        Assert.False(string.IsNullOrWhiteSpace(answer.Reason));
        if (kind != "PART")
        {
            Assert.Equal(3, way.Count(kind));
        }

        if (kind != "INITIATE")
        {
            Assert.True(way.Count("ABORT") >= 1, "the parts are thrown away");
        }

        await AssertUnharmedAsync(stored);
    }

    [NeedsFact("node", Needs.S3Server)]
    public async Task A_fetch_that_breaks_off_twice_is_tried_a_third_time()
    {
        await FillAsync();
        await StoredArchiveAsync();
        await using var way = await FaultyWay.ToAsync(
            Server.Url, (kind, number) => kind == "GET" && number <= 2 ? Fault.CutAnswer : Fault.None);
        using var store = Stores.Create(new UserConfigsOptions { ServiceUrl = way.Url });
        Assert.Equal(new FetchAnswer(FetchOutcome.Restored), await store.FetchAsync(Key, Stores.Token, Target, CancellationToken.None));
        Assert.Equal(3, way.Count("GET"));
    }

    [NeedsTheory("node", Needs.S3Server)]
    [InlineData("CutAnswer")]
    [InlineData("ServerError")]
    public async Task A_fetch_that_fails_three_times_is_a_failure_and_no_first_run(string fault)
    {
        await FillAsync();
        var stored = await StoredArchiveAsync();
        await using var way = await FaultyWay.ToAsync(Server.Url, (_, _) => Enum.Parse<Fault>(fault));
        using var store = Stores.Create(new UserConfigsOptions { ServiceUrl = way.Url });
        Assert.Equal(FetchOutcome.Failed, (await store.FetchAsync(Key, Stores.Token, Target, CancellationToken.None)).Outcome);
        Assert.Equal(3, way.Count("GET"));
        await AssertUnharmedAsync(stored);
    }

    [NeedsFact("node", Needs.S3Server)]
    public async Task A_store_that_never_answers_costs_no_more_than_the_deadline()
    {
        var clock = new ManualClock();
        await using var way = await FaultyWay.ToAsync(Server.Url, (_, _) => Fault.Silence);
        using var store = Stores.Create(new UserConfigsOptions { ServiceUrl = way.Url, FetchTimeout = TimeSpan.FromSeconds(20) }, clock);

        var fetching = store.FetchAsync(Key, Stores.Token, Target, CancellationToken.None);
        await way.Silent.Task;
        clock.Advance(TimeSpan.FromSeconds(20));

        Assert.Equal(new FetchAnswer(FetchOutcome.Failed, "it took longer than 20 s"), await fetching);
        AssertNothingUnpacked();
    }

    [NeedsFact("node", Needs.S3Server)]
    public async Task A_store_that_falls_silent_in_the_middle_of_an_archive_costs_no_more_than_the_deadline()
    {
        await FillAsync();
        await StoredArchiveAsync();
        var clock = new ManualClock();
        await using var way = await FaultyWay.ToAsync(Server.Url, (_, _) => Fault.SilentAnswer);
        using var store = Stores.Create(new UserConfigsOptions { ServiceUrl = way.Url, FetchTimeout = TimeSpan.FromSeconds(20) }, clock);

        var fetching = store.FetchAsync(Key, Stores.Token, Target, CancellationToken.None);
        await way.Silent.Task;
        clock.Advance(TimeSpan.FromSeconds(20));

        Assert.Equal(new FetchAnswer(FetchOutcome.Failed, "it took longer than 20 s"), await fetching.WaitAsync(TimeSpan.FromSeconds(20)));
        AssertNothingUnpacked();
    }

    /// <summary>The first part has begun to arrive. From there on nothing comes through, the request that discards the parts neither.</summary>
    [NeedsFact("node", Needs.S3Server)]
    public async Task A_way_to_the_store_that_falls_silent_during_a_save_costs_the_save_s_timeout_and_that_of_discarding_it()
    {
        var stored = await StoredArchiveAsync();
        await FillAsync();
        var clock = new ManualClock();
        var address = new Uri(Server.Url);
        await using var way = new SilentWay(new DnsEndPoint(address.Host, address.Port));
        using var store = Stores.Create(new UserConfigsOptions { ServiceUrl = $"http://127.0.0.1:{way.Port}" }, clock);
        var silent = way.FallSilentAtAsync("partNumber=1"u8);

        var saving = store.SaveAsync(Key, ArchiveKey.New(Stores.Token), Source, CancellationToken.None);
        await silent;
        clock.Advance(new UserConfigsOptions().SaveTimeout);
        await clock.TimerSetAsync(UserConfigsOptions.AbortTimeout);
        Assert.False(saving.IsCompleted);
        clock.Advance(UserConfigsOptions.AbortTimeout);

        Assert.Equal(new SaveAnswer(Saved: false, "it took longer than 100 s"), await saving.WaitAsync(TimeSpan.FromSeconds(20)));
        await AssertUnharmedAsync(stored);
        way.PassAgain();
        Assert.Equal(new SaveAnswer(Saved: true), await store.SaveAsync(Key, ArchiveKey.New(Stores.Token), Source, CancellationToken.None));
    }

    [NeedsFact("node", Needs.S3Server)]
    public async Task A_caller_who_gives_up_is_not_answered()
    {
        using var given = new CancellationTokenSource();
        await using var way = await FaultyWay.ToAsync(Server.Url, (_, _) => Fault.Silence);
        using var store = Stores.Create(new UserConfigsOptions { ServiceUrl = way.Url });
        var fetching = store.FetchAsync(Key, Stores.Token, Target, given.Token);
        await way.Silent.Task;
        await given.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fetching);
    }

    [NeedsFact("node", Needs.S3Server)]
    public async Task A_bucket_that_is_not_there_is_a_failure_and_no_first_run()
    {
        using var store = Stores.Create(new UserConfigsOptions { ServiceUrl = Server.Url, Bucket = "no-such-bucket" });
        var answer = await store.FetchAsync(Key, Stores.Token, Target, CancellationToken.None);
        Assert.Equal(FetchOutcome.Failed, answer.Outcome);
        Assert.Contains("NoSuchBucket", answer.Reason, StringComparison.Ordinal);
    }

    [NeedsFact("node", Needs.S3Server)]
    public async Task A_directory_that_is_not_there_is_not_saved()
    {
        var stored = await StoredArchiveAsync();
        var answer = await Store.SaveAsync(Key, ArchiveKey.New(Stores.Token), Scratch["gone"], CancellationToken.None);
        Assert.False(answer.Saved);
        await AssertUnharmedAsync(stored);
    }

    private static PaxTarEntry File(string name) =>
        new(TarEntryType.RegularFile, name) { DataStream = new MemoryStream("content"u8.ToArray()) };

    private static async Task<byte[]> ArchiveAsync(Func<TarWriter, Task> write)
    {
        using var archive = new MemoryStream();
        await ConfigArchive.EncodeAsync(
            ArchiveKey.New(Stores.Token),
            archive,
            async tar =>
            {
                await using var writer = new TarWriter(tar, leaveOpen: true);
                await write(writer);
            },
            CancellationToken.None);
        return archive.ToArray();
    }

    private async Task<byte[]> StoredArchiveAsync()
    {
        await System.IO.File.WriteAllTextAsync(Path.Combine(Source, "old"), "what was there before");
        Assert.True((await SaveAsync()).Saved);
        return await StoredAsync();
    }

    /// <summary>More than two parts.</summary>
    private async Task FillAsync()
    {
        System.IO.File.Delete(Path.Combine(Source, "old"));
        await System.IO.File.WriteAllBytesAsync(Path.Combine(Source, "new"), RandomNumberGenerator.GetBytes(12_000_000));
    }

    private async Task AssertUnharmedAsync(byte[] stored)
    {
        Assert.Equal(stored, await StoredAsync());
        AssertNothingUnpacked();
        Assert.False(Path.Exists("/tmp/escaped"));
    }
}
