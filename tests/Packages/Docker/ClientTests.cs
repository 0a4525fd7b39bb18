using Docker.DotNet;
using Docker.DotNet.Models;
using HostService.Tests.Support;

namespace HostService.Tests.Packages.Docker;

public sealed class ClientTests
{
    [Fact]
    public async Task A_client_without_a_version_asks_for_the_engines_own()
    {
        await using var engine = await LoopbackEngine.AnsweringAsync(200, "OK");
        using var client = new DockerClientConfiguration(engine.Endpoint).CreateClient();

        await client.System.PingAsync();

        Assert.Equal("/_ping", engine.Request.Path);
    }

    [Fact]
    public async Task A_client_with_a_version_names_it_in_every_path()
    {
        await using var engine = await LoopbackEngine.AnsweringAsync(200, """{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12"}""");
        using var client = new DockerClientConfiguration(engine.Endpoint).CreateClient(new System.Version(1, 41));

        var version = await client.System.GetVersionAsync();

        Assert.Equal("/v1.41/version", engine.Request.Path);
        Assert.Equal(("20.10.24", "1.41", "1.12"), (version.Version, version.APIVersion, version.MinAPIVersion));
    }

    [Fact]
    public async Task An_engine_at_a_tcp_address_is_reached_too()
    {
        await using var engine = await LoopbackEngine.StartAsync(_ => Task.CompletedTask, tcp: true);
        using var client = new DockerClientConfiguration(engine.Endpoint).CreateClient();

        await client.System.PingAsync();

        Assert.Equal("/_ping", engine.Request.Path);
    }

    [Fact]
    public async Task Default_headers_go_with_every_request()
    {
        await using var engine = await LoopbackEngine.AnsweringAsync(200, "OK");
        var headers = new Dictionary<string, string> { ["X-Test"] = "yes" };
        using var client = new DockerClientConfiguration(engine.Endpoint, defaultHttpRequestHeaders: headers).CreateClient();

        await client.System.PingAsync();

        Assert.Equal("yes", engine.Request.Headers["X-Test"]);
    }

    [Fact]
    public async Task The_engines_runtimes_and_security_options_are_read()
    {
        await using var engine = await LoopbackEngine.AnsweringAsync(200, """
            {"ServerVersion":"20.10.24","Runtimes":{"runc":{"path":"runc"},"nvidia":{"path":"/usr/bin/nvidia","runtimeArgs":["a"]}},
             "DefaultRuntime":"runc","SecurityOptions":["name=seccomp,profile=default","name=apparmor"],"NCPU":2}
            """);
        using var client = new DockerClientConfiguration(engine.Endpoint).CreateClient();

        var info = await client.System.GetSystemInfoAsync();

        Assert.Equal(["nvidia", "runc"], info.Runtimes.Keys.Order());
        Assert.Equal("/usr/bin/nvidia", info.Runtimes["nvidia"].Path);
        Assert.Contains("name=apparmor", info.SecurityOptions);
    }

    [Fact]
    public async Task Images_are_listed_with_their_tags_and_tagged_anew()
    {
        await using var engine = await LoopbackEngine.AnsweringAsync(200, """[{"Id":"sha256:1","RepoTags":["a:1","b:2"],"RepoDigests":null,"Created":1700000000}]""");
        using var client = new DockerClientConfiguration(engine.Endpoint).CreateClient();

        var image = Assert.Single(await client.Images.ListImagesAsync(new ImagesListParameters { All = true }));
        await client.Images.TagImageAsync("a", new ImageTagParameters { RepositoryName = "c", Tag = "3" });

        Assert.Equal(["a:1", "b:2"], image.RepoTags);
        Assert.Equal(["/images/json?all=1", "/images/a/tag?repo=c&tag=3"], engine.Requests.Select(r => r.Path + r.Query));
    }

    [Fact]
    public async Task A_call_that_passes_the_default_timeout_is_cancelled()
    {
        await using var engine = await LoopbackEngine.StartAsync(LoopbackEngine.HangAsync);
        using var client = new DockerClientConfiguration(engine.Endpoint, defaultTimeout: TimeSpan.FromMilliseconds(100)).CreateClient();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.System.PingAsync());
    }

    [Fact]
    public async Task A_stop_may_last_longer_than_the_default_timeout()
    {
        var mayEnd = new TaskCompletionSource();
        await using var engine = await LoopbackEngine.StartAsync(async context =>
        {
            if (context.Request.Path == "/_ping")
            {
                await LoopbackEngine.HangAsync(context);
            }

            await mayEnd.Task;
            context.Response.StatusCode = 204;
        });
        using var client = new DockerClientConfiguration(engine.Endpoint, defaultTimeout: TimeSpan.FromMilliseconds(100)).CreateClient();

        var stopping = client.Containers.StopContainerAsync("abc", new ContainerStopParameters());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.System.PingAsync());
        Assert.False(stopping.IsCompleted);
        mayEnd.SetResult();

        Assert.True(await stopping);
    }

    [Fact]
    public async Task A_cancelled_token_ends_a_call()
    {
        var arrived = new TaskCompletionSource();
        await using var engine = await LoopbackEngine.StartAsync(async context =>
        {
            arrived.SetResult();
            await LoopbackEngine.HangAsync(context);
        });
        using var client = new DockerClientConfiguration(engine.Endpoint).CreateClient();
        using var cancel = new CancellationTokenSource();

        var call = client.System.PingAsync(cancel.Token);
        await arrived.Task;
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
    }

    [Fact]
    public async Task An_engine_that_is_not_there_is_a_failed_request()
    {
        using var client = new DockerClientConfiguration(new Uri("unix:///nowhere/at/all.sock")).CreateClient();

        await Assert.ThrowsAsync<HttpRequestException>(() => client.System.PingAsync());
    }

    [Fact]
    public void A_configuration_has_the_packages_defaults()
    {
        using var configuration = new DockerClientConfiguration();

        Assert.Equal("/var/run/docker.sock", configuration.EndpointBaseUri.LocalPath);
        Assert.Equal(TimeSpan.FromSeconds(100), configuration.DefaultTimeout);
        Assert.False(configuration.Credentials.IsTlsCredentials());
        Assert.Equal(configuration.DefaultTimeout, configuration.CreateClient().DefaultTimeout);
        Assert.Throws<ArgumentException>(() => new DockerClientConfiguration(new Uri("unix:///x"), defaultTimeout: TimeSpan.FromSeconds(-2)));
        Assert.Throws<ArgumentNullException>(() => new DockerClientConfiguration((Uri)null!));
    }

    [Fact]
    public void A_scheme_that_nobody_speaks_is_refused()
    {
        using var configuration = new DockerClientConfiguration(new Uri("gopher://x"));

        Assert.Contains("gopher", Assert.Throws<Exception>(() => configuration.CreateClient()).Message, StringComparison.Ordinal);
    }
}
