using System.Net;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>The one way out (B30), what it leaves, and what the next start makes of a run that did not take it (B4).</summary>
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
    public async Task Told_by_the_backend_it_answers_at_once_and_then_does_the_same()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint);
        await service.UpAsync("drained");

        using (var wrong = await PostAsync(service, "not the secret"))
        {
            Assert.Equal((HttpStatusCode.Unauthorized, "Unauthorized"), (wrong.StatusCode, await wrong.Content.ReadAsStringAsync()));
        }

        using (var answer = await PostAsync(service, ServiceProcess.Secret))
        {
            Assert.Equal(
                (HttpStatusCode.OK, """{"result":"request successful"}"""), (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
        }

        Assert.Equal(0, await service.Process.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        await AssertCleanAsync(service);

        static async Task<HttpResponseMessage> PostAsync(TestService service, string secret)
        {
            using var content = new StringContent($$"""{"auth_secret":"{{secret}}"}""");
            return await service.Process.Http.PostAsync("/drain_and_shutdown", content);
        }
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
        Assert.StartsWith("host-service: Sentry:Dsn is not a DSN:", service.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled", service.Log.Text, StringComparison.Ordinal);
    }

    private static async Task AssertCleanAsync(TestService service)
    {
        Assert.Empty(await service.ContainersAsync());
        Assert.False(Path.Exists(service.Settings.Root), service.Process.Log.Text);
        Assert.False(Path.Exists(service.Settings.PrivateRoot), service.Process.Log.Text);
        Assert.True(Directory.Exists(service.Settings.CloudStorageRoot));
    }
}
