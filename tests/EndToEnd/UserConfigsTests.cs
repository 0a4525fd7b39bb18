using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox;
using HostService.Tests.Storage.UserConfigs;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd;

/// <summary>B22 over a user's sessions: a real engine, a real S3 server.</summary>
[Collection(BackendCollection.Name)]
public sealed class UserConfigsTests(EngineFixture engine, S3Server store) : IClassFixture<S3Server>, IAsyncLifetime
{
    private const string Token = "the user's own token";
    private RunningService _service = null!;

    public async Task InitializeAsync()
    {
        if (EngineFixture.SkipReason is null && store.Url.Length > 0)
        {
            _service = await RunningService.StartLocalAsync(
                new ScratchDirectory(), engine, ("UserConfigs__ServiceUrl", store.Url), ("UserConfigs__AccessKey", "S3RVER"), (
                    "UserConfigs__SecretKey", "S3RVER"));
        }
    }

    public async Task DisposeAsync()
    {
        if (_service is not null)
        {
            await _service.DisposeAsync();
        }
    }

    [EngineAndFact("node", Needs.S3Server)]
    public async Task What_a_user_set_in_one_session_is_there_in_the_next_and_survives_a_wrong_token()
    {
        // The first session finds nothing, and leaves something.
        await _service.UpAsync(RunningService.SpinUp("first", token: Token));
        Assert.Empty(Directory.EnumerateFileSystemEntries(OnHost("first")));
        await File.WriteAllTextAsync(await _service.InsideAsync("first", "/fractal/userConfigs/settings.json"), """{"theme":"dark"}""");
        Directory.CreateDirectory(Path.Combine(OnHost("first"), "profile"));
        await File.WriteAllTextAsync(Path.Combine(OnHost("first"), "profile", "bookmarks"), "a b c");
        await _service.EndAsync("first");
        Assert.False(Directory.Exists(OnHost("first")));

        // The next one has it, on both sides.
        await _service.UpAsync(RunningService.SpinUp("second", token: Token));
        Assert.Equal("""{"theme":"dark"}""", await File.ReadAllTextAsync(Path.Combine(OnHost("second"), "settings.json")));
        Assert.Equal("a b c", await File.ReadAllTextAsync(await _service.InsideAsync("second", "/fractal/userConfigs/profile/bookmarks")));
        Assert.DoesNotContain((await _service.DescribeAsync("second"))["warnings"]!.AsArray(), w => ((string)w!).StartsWith(
            "user configs", StringComparison.Ordinal));
        await File.WriteAllTextAsync(Path.Combine(OnHost("second"), "settings.json"), """{"theme":"light"}""");
        await _service.EndAsync("second");

        // A wrong token: a session without settings, a warning, and nothing overwritten.
        await _service.UpAsync(RunningService.SpinUp("wrong", token: "not the user's token"));
        Assert.Empty(Directory.EnumerateFileSystemEntries(OnHost("wrong")));
        Assert.Contains((await _service.DescribeAsync("wrong"))["warnings"]!.AsArray(), w => ((string)w!).StartsWith(
            "user configs", StringComparison.Ordinal));
        await File.WriteAllTextAsync(Path.Combine(OnHost("wrong"), "settings.json"), "{}");
        await _service.EndAsync("wrong");

        await _service.UpAsync(RunningService.SpinUp("third", token: Token));
        Assert.Equal("""{"theme":"light"}""", await File.ReadAllTextAsync(Path.Combine(OnHost("third"), "settings.json")));
        Assert.Equal("a b c", await File.ReadAllTextAsync(Path.Combine(OnHost("third"), "profile", "bookmarks")));
        await _service.EndAsync("third");
        Assert.DoesNotContain(Token, _service.Process.Log.Text, StringComparison.Ordinal);
        await _service.AssertNothingIsHeldAsync();
    }

    [EngineAndFact("node", Needs.S3Server)]
    public async Task The_service_s_own_end_saves_what_every_user_has_set()
    {
        await _service.UpAsync(RunningService.SpinUp("ended", token: Token));
        await File.WriteAllTextAsync(Path.Combine(OnHost("ended"), "unsaved"), "kept");
        Assert.Equal(0, await _service.Process.EndAsync());

        var directory = new ScratchDirectory();
        var settings = _service.Process.Settings;
        await using var next = await RunningService.StartAsync(directory, engine.Endpoint, settings.With(
            ("Host__Root", directory["fractal"]), ("Host__PrivateRoot", directory["private"]), (
                "Host__CloudStorageRoot", directory["cloud"])));
        await next.UpAsync(RunningService.SpinUp("again", token: Token));
        Assert.Equal("kept", await File.ReadAllTextAsync(Path.Combine(next.Root, "again", "userConfigs", "unpacked_configs", "unsaved")));
    }

    [EngineAndFact("node", Needs.S3Server)]
    public async Task What_a_user_set_before_a_crash_is_saved_by_reclaim_and_stays_while_the_store_does_not_answer()
    {
        await _service.UpAsync(RunningService.SpinUp("crashed", token: Token));
        await File.WriteAllTextAsync(Path.Combine(OnHost("crashed"), "set-before"), "kept");
        await _service.Process.KillAsync();
        var settings = _service.Process.Settings;
        var dry = await ServiceProcess.CommandAsync(settings.Environment, "reclaim", "--dry-run");
        Assert.Contains("user configs of mandelbox crashed: mandelboxes/demo, session 1 would be saved", dry.Output, StringComparison.Ordinal);

        var away = settings.With(("UserConfigs__ServiceUrl", $"http://127.0.0.1:{TestPorts.Reserve()}"));
        var failed = await ServiceProcess.CommandAsync(away.Environment, "reclaim");
        Assert.Equal(1, failed.ExitCode);
        Assert.Contains("could not be saved, and stay: crashed: mandelboxes/demo, session 1: ", failed.Errors, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(OnHost("crashed"), "set-before")));

        var done = await ServiceProcess.CommandAsync(settings.Environment, "reclaim");
        Assert.True(done.ExitCode == 0, done.Errors);
        Assert.DoesNotContain(Token, done.Errors + done.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_service.Root));
        await AssertStoredAsync(settings, "set-before");
    }

    [EngineAndFact("node", Needs.S3Server)]
    public async Task What_a_user_sets_before_and_after_a_crash_is_saved_by_the_run_that_took_the_mandelbox_over()
    {
        await _service.UpAsync(RunningService.SpinUp("taken-over", token: Token));
        await File.WriteAllTextAsync(Path.Combine(OnHost("taken-over"), "set-before"), "kept");
        await _service.Process.KillAsync();
        var settings = _service.Process.Settings;

        await using (var next = await ServiceProcess.StartAsync(settings.With(("Host__OnLeftovers", "reattach"))))
        {
            await File.WriteAllTextAsync(Path.Combine(OnHost("taken-over"), "set-after"), "kept");
            Assert.Equal(0, await next.EndAsync());
        }

        await AssertStoredAsync(settings, "set-after", "set-before");
    }

    [EngineAndFact("node", Needs.S3Server)]
    public async Task What_a_user_set_in_a_mandelbox_that_had_waited_is_saved_by_reclaim_and_fetched_into_the_next_one()
    {
        var directory = new ScratchDirectory();
        var pooled = _service.Process.Settings.With(
            ("Host__Root", directory["fractal"]), ("Host__PrivateRoot", directory["private"]),
            ("Host__CloudStorageRoot", directory["cloud"]), ("Host__InstanceName", $"{_service.Instance}-pool"),
            ("Orleans__SiloPort", $"{TestPorts.Reserve()}"), ("Orleans__GatewayPort", $"{TestPorts.Reserve()}"),
            (EngineFixture.DemoWaiting, "1"));
        await using var killed = await RunningService.StartAsync(directory, engine.Endpoint, pooled);
        await AdoptAsync(killed, "adopted");
        await File.WriteAllTextAsync(await killed.InsideAsync("adopted", "/fractal/userConfigs/set-before"), "kept");
        await killed.Process.UntilWaitingAsync();
        await killed.Process.KillAsync();
        var dry = await ServiceProcess.CommandAsync(pooled.Environment, "reclaim", "--dry-run");
        Assert.Contains("container mandelboxes-demo-adopted (running) of mandelbox adopted would be", dry.Output, StringComparison.Ordinal);
        Assert.Contains("container mandelboxes-demo-host-service-waiting-", dry.Output, StringComparison.Ordinal);

        var done = await ServiceProcess.CommandAsync(pooled.Environment, "reclaim");

        Assert.True(done.ExitCode == 0, done.Errors);
        Assert.False(Directory.Exists(killed.Root));
        Assert.Empty(
            await killed.Engine.ListAsync(new Dictionary<string, string> { [ContainerLabels.Host] = killed.Instance }, default));
        var other = new ScratchDirectory();
        await using var next = await RunningService.StartAsync(other, engine.Endpoint, pooled.With(
            ("Host__Root", other["fractal"]), ("Host__PrivateRoot", other["private"]), ("Host__CloudStorageRoot", other["cloud"])));
        await AdoptAsync(next, "stored");
        Assert.Equal("kept", await File.ReadAllTextAsync(await next.InsideAsync("stored", "/fractal/userConfigs/set-before")));

        static async Task AdoptAsync(RunningService service, string id)
        {
            await service.Process.UntilWaitingAsync();
            await service.UpAsync(RunningService.SpinUp(id, token: Token));
            var labels = (await service.ContainerAsync(id)).Labels;
            Assert.True(MandelboxIds.IsWaiting(labels[ContainerLabels.MandelboxId]), "it started cold");
        }
    }

    [EngineAndFact("node", Needs.S3Server)]
    public async Task A_save_that_outlasts_the_service_s_end_leaves_what_was_stored()
    {
        var hold = false;
        var stored = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var way = await FaultyWay.ToAsync(
            store.Url, (kind, _) => kind == "PART" && Volatile.Read(ref hold) ? Fault.Hold : Fault.None);
        way.Completed = () => Task.FromResult(stored.TrySetResult());
        var directory = new ScratchDirectory();
        var settings = _service.Process.Settings;
        await using (var ending = await RunningService.StartAsync(directory, engine.Endpoint, settings.With(
            ("Host__Root", directory["fractal"]), ("Host__PrivateRoot", directory["private"]), (
                "Host__CloudStorageRoot", directory["cloud"]),
            ("Host__InstanceName", $"{settings.InstanceName}-ending"), ("Orleans__SiloPort", $"{TestPorts.Reserve()}"), (
                "Orleans__GatewayPort", $"{TestPorts.Reserve()}"),
            ("UserConfigs__ServiceUrl", way.Url), ("Mandelbox__StopTimeout", "00:00:01"), ("Shutdown__MandelboxTimeout", "00:00:03"))))
        {
            var configs = Path.Combine(ending.Root, "before", "userConfigs", "unpacked_configs");
            await ending.UpAsync(RunningService.SpinUp("before", token: Token));
            await File.WriteAllTextAsync(Path.Combine(configs, "first"), "stored");
            await ending.EndAsync("before");
            await stored.Task.WaitAsync(TimeSpan.FromSeconds(60));
            Volatile.Write(ref hold, true);
            await ending.UpAsync(RunningService.SpinUp("during", token: Token));
            await File.WriteAllTextAsync(
                Path.Combine(configs.Replace("/before/", "/during/", StringComparison.Ordinal), "second"), "never stored");

            var ended = ending.Process.EndAsync();
            await way.Held.Task.WaitAsync(TimeSpan.FromSeconds(60));
            Assert.Equal(0, await ended);
            Assert.False(Directory.Exists(ending.Root));
            Assert.Contains("the service is ending", ending.Process.Log.Text, StringComparison.Ordinal);
            way.Release.SetResult();
            Volatile.Write(ref hold, false);

            var next = new ScratchDirectory();
            await using var after = await RunningService.StartAsync(next, engine.Endpoint, ending.Process.Settings.With(
                ("Host__Root", next["fractal"]), ("Host__PrivateRoot", next["private"]), ("Host__CloudStorageRoot", next["cloud"])));
            await after.UpAsync(RunningService.SpinUp("after", token: Token));
            Assert.Equal(["first"], Directory.GetFileSystemEntries(Path.Combine(after.Root, "after", "userConfigs", "unpacked_configs")).Select(Path.GetFileName));
        }
    }

    private async Task AssertStoredAsync(ServiceSettings settings, params string[] files)
    {
        var directory = new ScratchDirectory();
        await using var next = await RunningService.StartAsync(directory, engine.Endpoint, settings.With(
            ("Host__Root", directory["fractal"]), ("Host__PrivateRoot", directory["private"]), ("Host__CloudStorageRoot", directory["cloud"])));
        await next.UpAsync(RunningService.SpinUp("stored", token: Token));
        var restored = Path.Combine(next.Root, "stored", "userConfigs", "unpacked_configs");
        Assert.Equal(files, Directory.GetFiles(restored).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.All(files, file => Assert.Equal("kept", File.ReadAllText(Path.Combine(restored, file))));
    }

    private string OnHost(string id) => Path.Combine(_service.Root, id, "userConfigs", "unpacked_configs");
}
