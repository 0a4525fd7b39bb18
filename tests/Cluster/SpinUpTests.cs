using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Tests.Support;

namespace HostService.Tests.Cluster;

public sealed class SpinUpTests
{
    private static string Mapping(HostCluster cluster, string id, string name) =>
        File.ReadAllText(Path.Combine(cluster.Root, id, "mandelboxResourceMappings", name));

    [Fact]
    public async Task A_mandelbox_comes_up_with_its_ports_its_key_and_its_files()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var answer = await cluster.Mandelbox("m1").SpinUp(HostCluster.Request() with { Dpi = 96 });

        Assert.Null(answer.Failure);
        Assert.Matches("^[0-9a-f]{32}$", answer.Access!.AesKey);
        var spec = cluster.Engine.SpecOf("mandelboxes-demo-m1");
        Assert.Equal([answer.Access.Port32262, answer.Access.Port32263, answer.Access.Port32273], spec.Ports.Select(p => (int)p.HostPort));
        Assert.Contains($"FRACTAL_AES_KEY={answer.Access.AesKey}", spec.Environment);
        Assert.Equal(FakeContainerEngine.DemoImage, spec.Image);
        Assert.Equal(4, spec.Devices.Count);
        Assert.Equal($"{answer.Access.Port32262}", Mapping(cluster, "m1", "hostPort_for_my_32262_tcp"));
        Assert.InRange(int.Parse(Mapping(cluster, "m1", "tty"), System.Globalization.CultureInfo.InvariantCulture), 10, 63);
        Assert.Equal("-1", Mapping(cluster, "m1", "gpu_index"));
        Assert.Equal("-1", Mapping(cluster, "m1", "timeout"));
        Assert.Equal("96", Mapping(cluster, "m1", "DPI"));
        Assert.Equal(".ready", Mapping(cluster, "m1", ".ready"));
        Assert.Equal(
            [
                MandelboxState.Allocated, MandelboxState.Leased, MandelboxState.Created, MandelboxState.Started, MandelboxState.Connecting,
                MandelboxState.Running,
            ],
            cluster.Watcher.StatesOf("m1"));
    }

    [Fact]
    public async Task Fifty_four_at_once_get_54_ttys_and_162_ports_the_55th_is_refused_and_after_one_ends_the_next_works()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 54).Select(i => cluster.Mandelbox($"m{i}").SpinUp(HostCluster.Request())));
        Assert.All(answers, a => Assert.Null(a.Failure));

        var leases = (await cluster.Host.ListMandelboxes()).Select(m => m.Lease!).ToList();
        Assert.Equal(54, leases.Select(l => l.Tty).Distinct().Count());
        Assert.Equal(162, leases.SelectMany(l => l.Ports).Select(p => (p.Transport, p.HostPort)).Distinct().Count());

        var refused = await cluster.Mandelbox("m54").SpinUp(HostCluster.Request());
        Assert.Equal("lease", refused.Failure!.Phase);
        Assert.Contains("54", refused.Failure.Reason, StringComparison.Ordinal);

        Assert.True(await cluster.Mandelbox("m7").Stop("test"));
        Assert.Null((await cluster.Mandelbox("m54").SpinUp(HostCluster.Request())).Failure);

        await Task.WhenAll((await cluster.Host.ListMandelboxes()).Select(m => cluster.Mandelbox(m.MandelboxId).Stop("test")));
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task A_mandelbox_whose_row_the_backend_removes_meanwhile_does_not_come_up_and_gives_everything_back()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var held = cluster.Engine.Hold(EngineCall.Start);
        var spinUp = cluster.Mandelbox("m1").SpinUp(HostCluster.Request());
        await cluster.Engine.Until(e => e.CallsOf(EngineCall.Start) == 1);
        cluster.Database.Rows.TryRemove("m1", out _);
        held.Release();

        var failure = (await spinUp).Failure!;
        Assert.Equal("mandelbox m1 is no longer in the database: the webserver has removed it", failure.Reason);
        Assert.DoesNotContain(MandelboxState.Running, cluster.Watcher.StatesOf("m1"));
        Assert.Empty(cluster.UserConfigs.Saved);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task A_repeated_request_gets_the_same_answer_also_while_the_first_is_running()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var held = cluster.Engine.Hold(EngineCall.Start);
        var first = cluster.Mandelbox("m1").SpinUp(HostCluster.Request());
        await cluster.Engine.Until(e => e.CallsOf(EngineCall.Start) == 1);
        var second = cluster.Mandelbox("m1").SpinUp(HostCluster.Request());
        held.Release();
        Assert.Equal((await first).Access, (await second).Access);
        Assert.Equal((await first).Access, (await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Access);
        Assert.Equal(1, cluster.Engine.CallsOf(EngineCall.Create));
    }

    [Theory]
    [InlineData("somebody else", 1)]
    [InlineData("user", 2)]
    public async Task Another_user_or_session_is_refused_and_the_first_one_keeps_its_mandelbox(string user, ulong session)
    {
        await using var cluster = await new HostCluster().StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        Assert.Equal("duplicate", (await cluster.Mandelbox("m1").SpinUp(HostCluster.Request(user, session))).Failure!.Phase);
        Assert.Equal(MandelboxState.Running, (await cluster.Mandelbox("m1").Describe())!.State);
    }

    [Fact]
    public async Task A_query_and_a_stop_are_served_while_the_spin_up_runs()
    {
        await using var cluster = await new HostCluster().StartAsync();
        using var held = cluster.Engine.Hold(EngineCall.Start);
        var spinUp = cluster.Mandelbox("m1").SpinUp(HostCluster.Request());
        await cluster.Engine.Until(e => e.CallsOf(EngineCall.Start) == 1);

        var description = await cluster.Mandelbox("m1").Describe();
        Assert.Equal((MandelboxState.Created, "start"), (description!.State, description.Step));

        Assert.True(await cluster.Mandelbox("m1").Stop("the operator wants it"));
        Assert.Contains("the operator wants it", (await spinUp).Failure!.Reason, StringComparison.Ordinal);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task A_death_is_served_while_the_spin_up_runs()
    {
        await using var cluster = await new HostCluster().StartAsync();
        using var held = cluster.Engine.Hold(EngineCall.Inspect);
        var spinUp = cluster.Mandelbox("m1").SpinUp(HostCluster.Request());
        await cluster.Engine.Until(e => e.CallsOf(EngineCall.Inspect) == 1);
        await cluster.DieAsync("m1", 3);
        Assert.Contains("exit code 3", (await spinUp).Failure!.Reason, StringComparison.Ordinal);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task A_spin_up_that_hangs_blocks_no_other()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var held = new TaskCompletionSource();
        cluster.Database.HeldClaims["hangs"] = held.Task;
        var hanging = cluster.Mandelbox("hangs").SpinUp(HostCluster.Request());
        Assert.Null((await cluster.Mandelbox("other").SpinUp(HostCluster.Request())).Failure);
        Assert.False(hanging.IsCompleted);
        held.SetResult();
        Assert.Null((await hanging).Failure);
    }

    [Fact]
    public async Task A_container_that_exits_at_once_is_a_failure_and_leaves_nothing()
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.Engine.ExitsAtOnceWith = 7;
        var answer = await cluster.Mandelbox("m1").SpinUp(HostCluster.Request());
        Assert.Contains("exit code 7", answer.Failure!.Reason, StringComparison.Ordinal);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task An_image_that_is_not_there_is_named_and_leaves_nothing()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var answer = await cluster.Mandelbox("m1").SpinUp(HostCluster.Request() with { AppName = "browsers/none" });
        Assert.Equal("image", answer.Failure!.Phase);
        Assert.Contains("browsers/none", answer.Failure.Reason, StringComparison.Ordinal);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task A_name_that_is_taken_is_refused_and_the_container_that_has_it_stays()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var other = await cluster.Engine.CreateAsync(
            new ContainerSpec { Name = "mandelboxes-demo-m1", Image = FakeContainerEngine.DemoImage }, CancellationToken.None);
        var failure = (await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure!;
        Assert.Equal("create", failure.Phase);
        Assert.Contains($"is taken by container {other}, which is not a mandelbox of this host", failure.Reason, StringComparison.Ordinal);
        Assert.Equal(other, Assert.Single(cluster.Engine.Containers).Id);
        Assert.Equal(0, (await cluster.Host.Describe()).Ttys.Used);
    }

    [Fact]
    public async Task A_name_with_a_tag_is_the_image_itself()
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.Engine.Images.Add("ghcr.io/fractal/mandelboxes/demo:mine");
        cluster.Engine.Images.Add("mandelboxes/demo:mine");

        var answer = await cluster.Mandelbox("m1").SpinUp(HostCluster.Request() with { AppName = "mandelboxes/demo:mine" });

        Assert.Null(answer.Failure);
        Assert.Equal("mandelboxes/demo:mine", cluster.Engine.SpecOf("mandelboxes-demo-mine-m1").Image);
    }

    [Fact]
    public async Task Two_mandelboxes_whose_containers_would_have_one_name_are_told_apart_in_the_refusal()
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.Engine.Images.Add("fractal/a/b:current-build");
        cluster.Engine.Images.Add("fractal/a:current-build");
        Assert.Null((await cluster.Mandelbox("c").SpinUp(HostCluster.Request() with { AppName = "a/b" })).Failure);

        var failure = (await cluster.Mandelbox("b-c").SpinUp(HostCluster.Request() with { AppName = "a" })).Failure!;

        Assert.Equal("create", failure.Phase);
        var other = Assert.Single(cluster.Engine.Containers);
        Assert.Equal(
            $"the container name a-b-c is taken by container {other.Id} of mandelbox c; end it, or use another mandelbox id",
            failure.Reason);
        Assert.Equal(MandelboxState.Running, (await cluster.Mandelbox("c").Describe())!.State);
    }

    [Fact]
    public async Task A_short_encryption_token_is_refused_before_anything_is_leased()
    {
        await using var cluster = await new HostCluster().StartAsync();
        var answer = await cluster.Mandelbox("m1").SpinUp(HostCluster.Request() with { ConfigEncryptionToken = "123456789" });
        Assert.Equal("token", answer.Failure!.Phase);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Theory]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("temp")]
    public async Task A_bad_id_touches_nothing(string id)
    {
        await using var cluster = await new HostCluster().StartAsync();
        Assert.Equal("id", (await cluster.Mandelbox(id).SpinUp(HostCluster.Request())).Failure!.Phase);
        Assert.Empty(cluster.Engine.Calls);
        Assert.Empty(Directory.GetFileSystemEntries(cluster.Root));
    }

    [Fact]
    public async Task A_failed_fetch_of_configs_is_a_warning_and_the_stored_ones_are_not_overwritten()
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.UserConfigs.Answer = new FetchAnswer(FetchOutcome.Failed, "wrong token");
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        Assert.Contains("wrong token", Assert.Single((await cluster.Mandelbox("m1").Describe())!.Warnings), StringComparison.Ordinal);
        await cluster.Mandelbox("m1").Stop("test");
        Assert.Empty(cluster.UserConfigs.Saved);
    }

    [Fact]
    public async Task In_a_deployed_environment_the_app_is_waited_for()
    {
        var gpu = new GpuDescription { Index = 0, Name = "T4", Uuid = "GPU-0" };
        await using var cluster = await new HostCluster { Environment = HostEnvironment.Dev, Gpus = [gpu] }.StartAsync();
        cluster.Engine.Images.Add("ghcr.io/fractal/dev/mandelboxes/demo:current-build");
        var spinUp = cluster.Mandelbox("m1").SpinUp(HostCluster.Request());
        await cluster.Watcher.Until("m1", MandelboxState.Connecting);
        Assert.False(spinUp.IsCompleted);
        await File.WriteAllTextAsync(Path.Combine(cluster.Root, "m1", "mandelboxResourceMappings", "done_sleeping_until_X_clients"), "");
        Assert.Null((await spinUp).Failure);
        Assert.Equal("30", Mapping(cluster, "m1", "timeout"));
        Assert.Equal("0", Mapping(cluster, "m1", "gpu_index"));
    }

    [Fact]
    public async Task An_app_that_does_not_come_up_in_time_is_a_failure()
    {
        var gpu = new GpuDescription { Index = 0, Name = "T4", Uuid = "GPU-0" };
        await using var cluster = await new HostCluster
        {
            Environment = HostEnvironment.Dev,
            Gpus = [gpu],
            Configure = o => o.AppTimeout = TimeSpan.FromMilliseconds(20),
        }.StartAsync();
        cluster.Engine.Images.Add("ghcr.io/fractal/dev/mandelboxes/demo:current-build");
        var answer = await cluster.Mandelbox("m1").SpinUp(HostCluster.Request());
        Assert.Equal("app", answer.Failure!.Phase);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task Configs_of_a_spin_up_that_failed_before_its_user_could_connect_are_not_saved()
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.Engine.FailNext(EngineCall.Inspect, EngineFailure.Unreachable);
        Assert.Equal("alive", (await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure!.Phase);
        await cluster.Watcher.Until("m1", MandelboxState.Gone);
        Assert.Empty(cluster.UserConfigs.Saved);
        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task Where_it_is_unknown_whether_configs_are_stored_they_are_saved_only_if_none_are()
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.UserConfigs.Answer = new FetchAnswer(FetchOutcome.Unknown, "access is denied");
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        Assert.Contains("user configs: access is denied", (await cluster.Mandelbox("m1").Describe())!.Warnings);
        await cluster.Mandelbox("m1").Stop("test");
        Assert.Equal(1, cluster.UserConfigs.SavedIfAbsent);
    }

    [Fact]
    public async Task User_configs_are_fetched_while_the_container_is_created_and_started_and_are_there_before_ready()
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.UserConfigs.HoldFetch = new TaskCompletionSource();
        using var create = cluster.Engine.Hold(EngineCall.Create);
        var spinUp = cluster.Mandelbox("m1").SpinUp(HostCluster.Request());

        await create.Entered;
        await cluster.UserConfigs.FetchBegun.Task.WaitAsync(TimeSpan.FromSeconds(30));
        create.Release();
        await cluster.Watcher.Until("m1", MandelboxState.Started);
        Assert.False(spinUp.IsCompleted);
        Assert.False(File.Exists(Path.Combine(new MandelboxPaths(cluster.Root, "m1").ResourceMappings, ".ready")));

        cluster.UserConfigs.HoldFetch.SetResult();
        Assert.Null((await spinUp).Failure);
    }

    [Fact]
    public async Task A_start_that_fails_does_not_wait_for_the_user_configs()
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.UserConfigs.HoldFetch = new TaskCompletionSource();
        cluster.Engine.FailNext(EngineCall.Start);

        Assert.Equal("start", (await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure!.Phase);

        await cluster.AssertNothingIsHeldAsync();
    }

    [Fact]
    public async Task A_lease_that_is_refused_costs_no_directories()
    {
        await using var cluster = await new HostCluster().StartAsync();
        cluster.Ports.BoundTcp[20000] = true;
        await File.WriteAllTextAsync(Path.Combine(cluster.Root, "m1"), "where its directories would be made");
        var request = HostCluster.Request() with { RequestedPorts = [new PortBinding(MandelboxPorts.Control, Transport.Tcp, 20000)] };

        Assert.Equal("lease", (await cluster.Mandelbox("m1").SpinUp(request)).Failure!.Phase);
    }
}
