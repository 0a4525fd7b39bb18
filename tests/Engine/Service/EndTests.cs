using System.Diagnostics;
using System.Net;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>Drain and stop (B30), what they leave, and what the next start makes of a run that did not take it (B4).</summary>
[Collection(EngineCollection.Name)]
public sealed class EndTests(EngineFixture engine)
{
    [EngineFact]
    public async Task Told_by_TERM_it_ends_its_mandelboxes_first_and_leaves_nothing()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint);
        await Task.WhenAll(service.UpAsync("term-1"), service.UpAsync("term-2"));

        Assert.Equal(0, await service.Process.EndAsync());

        await AssertCleanAsync(service);
    }

    [EngineFact]
    public async Task A_drain_leaves_users_alone_refuses_new_ones_and_ends_when_the_last_has_left()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint);
        await service.UpAsync("staying");
        var container = await service.ContainerAsync("staying");
        using (var wrong = await DrainAsync(service, "not the secret"))
        {
            Assert.Equal((HttpStatusCode.Unauthorized, "Unauthorized"), (wrong.StatusCode, await wrong.Content.ReadAsStringAsync()));
        }

        await AssertDrainsAsync(service);

        await service.Process.Log.LineAsync("Draining: 1 mandelbox left: staying since ").WaitAsync(TimeSpan.FromSeconds(60));
        var (status, answer) = await service.SpinUpAsync(TestService.Body("late"));
        Assert.Equal(HttpStatusCode.NotAcceptable, status);
        Assert.Contains("this host is draining", (string)answer["error"]!, StringComparison.Ordinal);
        using (var ready = await service.Process.Http.GetAsync("/readyz"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
            Assert.Contains("The host is draining.", await ready.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        Assert.Equal("Draining", (string)(await service.GetAsync("/v1/host"))["status"]!);
        Assert.Equal((container.Id, true), ((await service.ContainerAsync("staying")).Id, (await service.ContainerAsync("staying")).Running));

        Assert.Equal(HttpStatusCode.NoContent, await service.DeleteAsync("staying"));
        Assert.Equal(0, await service.Process.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        await AssertCleanAsync(service);
    }

    [EngineFact]
    public async Task A_drain_that_is_cancelled_leaves_a_host_that_can_be_drained_again()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint);
        await service.UpAsync("user");
        string[] cancel = ["drain", "--cancel", "--address", service.Process.Address.ToString(), "--token", ServiceProcess.Secret];
        var early = await ServiceProcess.CommandAsync(new Dictionary<string, string>(), cancel);
        Assert.Equal(1, early.ExitCode);
        Assert.Contains("this host is not draining", early.Errors, StringComparison.Ordinal);
        await AssertDrainsAsync(service);
        await service.Process.Log.LineAsync("Draining: 1 mandelbox left: user since").WaitAsync(TimeSpan.FromSeconds(60));

        var cancelled = await ServiceProcess.CommandAsync(new Dictionary<string, string>(), cancel);

        Assert.True(cancelled.ExitCode == 0, cancelled.Errors);
        await service.Process.Log.LineAsync("Host: Draining -> Active").WaitAsync(TimeSpan.FromSeconds(60));
        await service.UpAsync("another");
        using (var ready = await service.Process.Http.GetAsync("/readyz"))
        {
            Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        }

        await AssertDrainsAsync(service);
        await service.Process.Log.LineAsync("Draining: 2 mandelboxes left").WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(HttpStatusCode.NoContent, await service.DeleteAsync("user"));
        Assert.Equal(HttpStatusCode.NoContent, await service.DeleteAsync("another"));
        Assert.Equal(0, await service.Process.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        await AssertCleanAsync(service);
    }

    [EngineFact]
    public async Task The_command_line_drains_and_ends_sessions_only_by_force()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint);
        await service.UpAsync("user");
        var address = service.Process.Address.ToString();
        Assert.Contains("the host is draining", await CommandAsync("drain"), StringComparison.Ordinal);
        await service.Process.Log.LineAsync("Draining: 1 mandelbox left").WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Contains("the host is draining", await CommandAsync("stop", "--host"), StringComparison.Ordinal);
        Assert.True((await service.ContainerAsync("user")).Running);

        await CommandAsync("stop", "--host", "--force");
        Assert.Equal(0, await service.Process.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        await AssertCleanAsync(service);

        async Task<string> CommandAsync(params string[] arguments)
        {
            var (code, output, errors) = await ServiceProcess.CommandAsync(
                new Dictionary<string, string>(), [.. arguments, "--address", address, "--token", ServiceProcess.Secret]);
            Assert.True(code == 0, errors);
            return output;
        }
    }

    [EngineFact]
    public async Task A_drain_without_mandelboxes_ends_at_once()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint);
        await AssertDrainsAsync(service);
        Assert.Equal(0, await service.Process.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        await AssertCleanAsync(service);
    }

    [EngineTheory]
    [InlineData("force")]
    [InlineData("TERM")]
    [InlineData("INT")]
    [InlineData("HUP")]
    [InlineData("QUIT")]
    [InlineData("limit")]
    public async Task A_stop_takes_over_from_a_drain(string how)
    {
        await using var service = await TestService.StartAsync(
            engine.Endpoint, ("Shutdown__DrainTimeout", how == "limit" ? "00:00:03" : "1.00:00:00"));
        await service.UpAsync("cut");
        await AssertDrainsAsync(service);
        await service.Process.Log.LineAsync("Draining: 1 mandelbox left").WaitAsync(TimeSpan.FromSeconds(60));
        if (how == "force")
        {
            using var answer = await DrainAsync(service, ServiceProcess.Secret, ""","force":true""");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
        else if (how != "limit")
        {
            using var kill = Process.Start("kill", [$"-{how}", $"{service.Process.Pid}"]);
            await kill.WaitForExitAsync();
        }

        Assert.Equal(0, await service.Process.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Matches(
            $"Mandelbox cut has gone after .*: {(how == "limit" ? "DrainLimit" : "HostStopped")} \\(.*, exit code 0; app mandelboxes/demo, TTY ",
            service.Process.Log.Text);
        Assert.Contains(
            how == "limit" ? ": the host drained, and the drain had lasted as long as it may. " : ": the host was stopped. ",
            await service.ExplainAfterItsEndAsync("cut"),
            StringComparison.Ordinal);
        await AssertCleanAsync(service);
    }

    [EngineFact]
    public async Task A_stop_during_a_spin_up_ends_it_with_a_reason()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint);
        var spinUp = service.SpinUpAsync(TestService.Body("hasty"));
        await service.Process.Log.LineAsync("Mandelbox hasty: Allocated -> Leased").WaitAsync(TimeSpan.FromSeconds(60));

        var deleted = await service.DeleteAsync("hasty");

        // The end may have come before the last step or after it, but it has come.
        var (status, answer) = await spinUp;
        Assert.Equal(HttpStatusCode.NoContent, deleted);
        Assert.True(
            status == HttpStatusCode.OK || $"{answer["error"]}".Contains("operator", StringComparison.Ordinal), $"{status} {answer}");
        await service.AssertNothingIsLeftAsync();
    }

    [EngineFact]
    public async Task After_a_crash_it_refuses_to_start_and_names_the_directory_until_it_may_reclaim()
    {
        await using var crashed = await TestService.StartAsync(engine.Endpoint);
        await crashed.UpAsync("orphan");
        await crashed.Process.KillAsync();
        Assert.True((await crashed.ContainerAsync("orphan")).Running);

        await using (var refused = await ServiceProcess.LaunchAsync(crashed.Settings))
        {
            Assert.Equal(3, await refused.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
            Assert.Contains(crashed.Settings.Root, refused.Log.Text, StringComparison.Ordinal);
            Assert.Contains("Host__OnLeftovers=reclaim", refused.Log.Text, StringComparison.Ordinal);
            Assert.Equal("", refused.Output.Text);
        }

        Assert.True((await crashed.ContainerAsync("orphan")).Running);
        await using var next = await ServiceProcess.StartAsync(crashed.Settings.With(("Host__OnLeftovers", "reclaim")));
        Assert.Empty(await crashed.ContainersAsync());
        Assert.False(Directory.Exists(Path.Combine(crashed.Settings.Root, "orphan")));
        Assert.Equal(0, await next.EndAsync());
        await AssertCleanAsync(crashed);
    }

    [EngineFact]
    public async Task A_directory_that_it_has_not_made_is_never_reclaimed()
    {
        using var directory = new ScratchDirectory();
        var settings = ServiceSettings.Local(engine.Endpoint, directory).With(("Host__OnLeftovers", "reclaim"));
        var photo = Path.Combine(Directory.CreateDirectory(settings.Root).FullName, "photo.jpg");
        await File.WriteAllTextAsync(photo, "precious");

        await using var service = await ServiceProcess.LaunchAsync(settings);

        Assert.Equal(3, await service.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Equal("precious", await File.ReadAllTextAsync(photo));
        Assert.Contains(settings.Root, service.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_an_engine_it_does_not_start_and_leaves_nothing()
    {
        using var directory = new ScratchDirectory();
        var settings = ServiceSettings.Local(new Uri($"unix://{directory["nothing.sock"]}"), directory);

        await using var service = await ServiceProcess.LaunchAsync(settings);

        Assert.Equal(4, await service.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Contains("nothing.sock", service.Log.Text, StringComparison.Ordinal);
        Assert.Contains("Docker__Endpoint", service.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.GetFileSystemEntries(directory.Path), e => e != settings.CloudStorageRoot);
    }

    [Fact]
    public async Task Every_fault_of_its_settings_is_named_at_once()
    {
        using var directory = new ScratchDirectory();
        var settings = ServiceSettings.Local(new Uri("unix:///nowhere"), directory).With(
            ("Gateway__Port", "70000"), ("Docker__GiveUpAfter", "-1"), ("Host__CpuOnlySlots", "many"), (
                "Shutdown__StepTimeout", "00:00:00"));

        await using var service = await ServiceProcess.LaunchAsync(settings);

        Assert.Equal(2, await service.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.All(
            new[] { "Gateway:Port", "Docker:GiveUpAfter", "Host:CpuOnlySlots", "Shutdown:StepTimeout" },
            key => Assert.Contains(key, service.Log.Text, StringComparison.Ordinal));
        Assert.Empty(Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public async Task A_Sentry_DSN_that_is_none_is_bad_configuration()
    {
        using var directory = new ScratchDirectory();
        var settings = ServiceSettings.Local(new Uri("unix:///nowhere"), directory).With(("Sentry__Dsn", "foo"));

        await using var service = await ServiceProcess.LaunchAsync(settings);

        Assert.Equal(2, await service.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Contains("Sentry:Dsn is not a DSN", service.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled", service.Log.Text, StringComparison.Ordinal);
    }

    private static async Task AssertDrainsAsync(TestService service)
    {
        using var answer = await DrainAsync(service, ServiceProcess.Secret);
        Assert.Equal(
            (HttpStatusCode.OK, """{"result":"request successful"}"""), (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
    }

    private static async Task<HttpResponseMessage> DrainAsync(TestService service, string secret, string more = "")
    {
        using var content = new StringContent($$"""{"auth_secret":"{{secret}}"{{more}}}""");
        return await service.Process.Http.PostAsync("/drain_and_shutdown", content);
    }

    private static async Task AssertCleanAsync(TestService service)
    {
        Assert.Empty(await service.ContainersAsync());
        Assert.False(Path.Exists(service.Settings.Root), service.Process.Log.Text);
        Assert.False(Path.Exists(service.Settings.PrivateRoot), service.Process.Log.Text);
        Assert.True(Directory.Exists(service.Settings.CloudStorageRoot));
    }
}
