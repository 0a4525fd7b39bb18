using System.Globalization;
using System.Security.Cryptography;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Tests.Support;

namespace HostService.Tests.Storage.UserConfigs;

/// <summary>
/// Saves that something else happens beside: the service's end, another save, many of them, a store that does not say what it has.
/// </summary>
[Collection(nameof(S3Server))]
public sealed class SaveTests(S3Server server) : S3TestBase(server)
{
    [NeedsFact("node", Needs.S3Server)]
    public async Task A_save_that_is_given_up_at_the_service_s_end_never_replaces_what_is_stored_by_what_is_left_of_the_directory()
    {
        var stored = await StoredArchiveAsync();
        await FillAsync(Source);
        await using var way = await FaultyWay.ToAsync(Server.Url, (kind, _) => kind == "PART" ? Fault.Hold : Fault.None);
        using var store = Stores.Create(new UserConfigsOptions { ServiceUrl = way.Url });

        var saving = store.SaveAsync(Key, ArchiveKey.New(Stores.Token), Source, CancellationToken.None);
        await way.Held.Task;
        await store.StopAsync(CancellationToken.None);
        Directory.Delete(Source, recursive: true);
        way.Release.SetResult();

        Assert.Equal(new SaveAnswer(Saved: false, "the service is ending"), await saving);
        Assert.Equal(0, way.Count("COMPLETE"));
        Assert.Equal(stored, await StoredAsync());
        Assert.Equal(new SaveAnswer(Saved: false, "the service is ending"), await store.SaveAsync(
            Key, ArchiveKey.New(Stores.Token), Source, CancellationToken.None));
    }

    [NeedsFact("node", Needs.S3Server)]
    public async Task A_directory_that_is_removed_during_a_save_leaves_what_is_stored()
    {
        var stored = await StoredArchiveAsync();
        await FillAsync(Source);
        await FillAsync(Source, "more");
        await using var way = await FaultyWay.ToAsync(Server.Url, (kind, _) => kind == "PART" ? Fault.Hold : Fault.None);
        using var store = Stores.Create(new UserConfigsOptions { ServiceUrl = way.Url });

        var saving = store.SaveAsync(Key, ArchiveKey.New(Stores.Token), Source, CancellationToken.None);
        await way.Held.Task;
        Directory.Delete(Scratch["source"], recursive: true);
        way.Release.SetResult();

        Assert.False((await saving).Saved);
        Assert.Equal(stored, await StoredAsync());
    }

    [NeedsFact("node", Needs.S3Server)]
    public async Task Another_save_of_the_same_object_is_not_taken_for_damage()
    {
        await StoredArchiveAsync();
        var other = "another host's archive"u8.ToArray();
        await using var way = await FaultyWay.ToAsync(Server.Url, (_, _) => Fault.None);
        way.Completed = () => StoreAsync(other);
        using var store = Stores.Create(new UserConfigsOptions { ServiceUrl = way.Url });

        Assert.Equal(new SaveAnswer(Saved: true), await store.SaveAsync(Key, ArchiveKey.New(Stores.Token), Source, CancellationToken.None));

        Assert.Equal(1, way.Count("COMPLETE"));
        Assert.Equal(other, await StoredAsync());
    }

    [NeedsFact("node", Needs.S3Server)]
    public async Task A_completion_whose_answer_is_lost_counts_when_what_is_stored_is_what_was_sent()
    {
        await StoredArchiveAsync();
        await File.WriteAllTextAsync(Path.Combine(Source, "new"), "saved once");
        await using var way = await FaultyWay.ToAsync(
            Server.Url, (kind, number) => kind != "COMPLETE" ? Fault.None : number == 1 ? Fault.LoseAnswer : Fault.NoSuchUpload);
        using var store = Stores.Create(new UserConfigsOptions { ServiceUrl = way.Url });

        Assert.Equal(new SaveAnswer(Saved: true), await store.SaveAsync(Key, ArchiveKey.New(Stores.Token), Source, CancellationToken.None));

        Assert.Equal((1, 2), (way.Count("INITIATE"), way.Count("COMPLETE")));
        Assert.Equal(FetchOutcome.Restored, (await FetchAsync()).Outcome);
        Assert.Equal("saved once", await File.ReadAllTextAsync(Path.Combine(Target, "new")));
    }

    [NeedsTheory("node", Needs.S3Server)]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Where_the_store_denies_access_it_is_saved_only_if_nothing_is_there(bool isThere)
    {
        var stored = isThere ? await StoredArchiveAsync() : [];
        await File.WriteAllTextAsync(Path.Combine(Source, "new"), "set now");
        await using var way = await FaultyWay.ToAsync(Server.Url, (kind, _) => kind == "GET" ? Fault.AccessDenied : Fault.None);
        using var store = Stores.Create(new UserConfigsOptions { ServiceUrl = way.Url, ConditionalWrites = true });

        var fetched = await store.FetchAsync(Key, Stores.Token, Target, CancellationToken.None);
        Assert.Equal(FetchOutcome.Unknown, fetched.Outcome);
        Assert.Contains("s3:ListBucket", fetched.Reason, StringComparison.Ordinal);
        var saved = await store.SaveIfAbsentAsync(Key, ArchiveKey.New(Stores.Token), Source, CancellationToken.None);

        Assert.Equal(!isThere, saved.Saved);
        if (isThere)
        {
            Assert.Contains("stored already", saved.Reason, StringComparison.Ordinal);
            Assert.Equal(stored, await StoredAsync());
        }
        else
        {
            Assert.Equal(FetchOutcome.Restored, (await FetchAsync()).Outcome);
            Assert.Equal("set now", await File.ReadAllTextAsync(Path.Combine(Target, "new")));
        }
    }

    [NeedsFact("node", Needs.S3Server)]
    public async Task Where_a_server_may_not_know_of_conditions_denied_access_is_a_failure()
    {
        await using var way = await FaultyWay.ToAsync(Server.Url, (kind, _) => kind == "GET" ? Fault.AccessDenied : Fault.None);
        using var store = Stores.Create(new UserConfigsOptions { ServiceUrl = way.Url });
        Assert.Equal(FetchOutcome.Failed, (await store.FetchAsync(Key, Stores.Token, Target, CancellationToken.None)).Outcome);
    }

    [NeedsFact("node", Needs.S3Server)]
    public async Task Many_saves_at_once_share_the_memory_that_makes_one_of_them_fast()
    {
        const int saves = 24;
        await FillAsync(Source);
        await using var way = await FaultyWay.ToAsync(Server.Url, (_, _) => Fault.None);
        using var store = Stores.Create(new UserConfigsOptions { ServiceUrl = way.Url });

        var answers = await Task.WhenAll(Enumerable.Range(0, saves).Select(i => store.SaveAsync(
            Key with { UserId = $"{Key.UserId}-{i.ToString(CultureInfo.InvariantCulture)}" }, ArchiveKey.New(Stores.Token), Source,
            CancellationToken.None)));

        Assert.All(answers, answer => Assert.Equal(new SaveAnswer(Saved: true), answer));
        Assert.Equal(0, store.Buffers.Bytes);
        Assert.InRange(store.Buffers.Most, PartBuffers.PartSize, (saves + PartBuffers.Shared) * (long)PartBuffers.PartSize);
    }

    [NeedsFact("node", Needs.S3Server)]
    public async Task A_small_save_takes_little_memory()
    {
        await File.WriteAllTextAsync(Path.Combine(Source, "small"), "content");
        Assert.True((await SaveAsync()).Saved);
        Assert.Equal(PartBuffers.Smallest, Store.Buffers.Most);
    }

    private async Task<byte[]> StoredArchiveAsync()
    {
        await File.WriteAllTextAsync(Path.Combine(Source, "old"), "what was there before");
        Assert.True((await SaveAsync()).Saved);
        return await StoredAsync();
    }

    /// <summary>More than two parts.</summary>
    private static Task FillAsync(string directory, string name = "large") =>
        File.WriteAllBytesAsync(Path.Combine(directory, name), RandomNumberGenerator.GetBytes(16_000_000));
}
