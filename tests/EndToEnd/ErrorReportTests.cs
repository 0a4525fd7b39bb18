using System.Net;
using System.Text.Json;
using HostService.Silo.Hosting;
using HostService.Tests.Backend;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd;

/// <summary>B34a from the real process: what Sentry gets of errors in any part of the service, and what it must not get.</summary>
[Collection(BackendCollection.Name)]
public sealed class ErrorReportTests(EngineFixture engine) : IAsyncLifetime
{
    private readonly string _secret = Guid.NewGuid().ToString("N");
    private ReportServers _reports = null!;
    private LoopbackServer _store = null!;
    private LoopbackServer _webserver = null!;

    public async Task InitializeAsync()
    {
        _reports = await ReportServers.StartAsync();

        // Nothing is stored, no part is taken, and no upload can be given up.
        _store = await LoopbackServer.StartAsync(request => request.Method switch
        {
            "GET" => (404, "<Error><Code>NoSuchKey</Code></Error>"),
            "POST" => (200, "<InitiateMultipartUploadResult><UploadId>upload</UploadId></InitiateMultipartUploadResult>"),
            _ => (403, "<Error><Code>AccessDenied</Code></Error>"),
        });
        _webserver = await LoopbackServer.StartAsync(_ => (500, ""));
    }

    public async Task DisposeAsync()
    {
        await _webserver.DisposeAsync();
        await _store.DisposeAsync();
        await _reports.DisposeAsync();
    }

    [EngineFact]
    public async Task Every_error_has_release_environment_host_and_the_log_before_it_and_nothing_of_a_user()
    {
        await using var service = await RunningService.StartLocalAsync(
            new ScratchDirectory(),
            engine,
            [
                .. _reports.Settings,
                ("Webserver__Url", _webserver.Url),
                ("UserConfigs__ServiceUrl", _store.Url),
                ("UserConfigs__AccessKey", $"id-{_secret}"),
                ("UserConfigs__SecretKey", $"key-{_secret}"),
                ("CloudStorage__Providers__broken__Type", "alias"),
                ("CloudStorage__Providers__broken__Directory", "Broken"),
            ]);
        var result = await service.UpAsync(RunningService.SpinUp("user", token: $"token-{_secret}", jwt: $"jwt-{_secret}"));
        await MountAsync(service, (int)result["port_32262"]!);
        await service.EndAsync("user");
        Assert.Equal(0, await service.Process.EndAsync());

        // From a hosted service, a grain and the shutdown, and the last one.
        AssertComplete(await _reports.Sentry.NextEventAsync("The heartbeat to the webserver failed"), "Starting: warm up");
        AssertComplete(await _reports.Sentry.NextEventAsync("user configs were not saved"), "Parts of a failed upload");
        AssertComplete(await _reports.Sentry.NextEventAsync("The dying heartbeat to the webserver failed"), "Shutting down: end the mandelboxes");
        var last = await _reports.Sentry.NextEventAsync("The service ends (Signal): SIGTERM");
        AssertComplete(last, "Shutting down: flush the log");
        Assert.Equal(
            ("info", "Signal"), (last.GetProperty("level").GetString(), last.GetProperty("tags").GetProperty("cause").GetString()));
        Assert.Empty(_reports.Sentry.TakeUnread());

        Assert.All(
            new[] { _secret, ServiceProcess.Secret, service.LocalUser, (string)result["aes_key"]! },
            secret => Assert.DoesNotContain(secret, _reports.Sentry.Text + service.Process.Log.Text, StringComparison.Ordinal));
    }

    private static void AssertComplete(JsonElement report, string loggedBefore)
    {
        Assert.Equal(
            (ServiceVersion.Commit, "LOCALDEV"), (report.GetProperty("release").GetString(), report.GetProperty("environment").GetString()));
        var tags = report.GetProperty("tags");
        Assert.Equal(ReportServers.Instance, ReportServers.Tags.Select(tag => tags.GetProperty(tag).GetString()));
        Assert.Contains(
            report.GetProperty("breadcrumbs").EnumerateArray(),
            breadcrumb => breadcrumb.GetProperty("message").GetString()!.Contains(loggedBefore, StringComparison.Ordinal));
    }

    private async Task MountAsync(RunningService service, int port)
    {
        var (status, _) = await service.BackendAsync(HttpMethod.Post, "/mount_cloud_storage", new()
        {
            ["host_port"] = port,
            ["provider"] = "broken",
            ["access_token"] = $"access-{_secret}",
            ["refresh_token"] = $"refresh-{_secret}",
            ["expiry"] = "2021-10-03T04:05:06Z",
            ["token_type"] = "Bearer",
            ["client_id"] = "client",
            ["client_secret"] = $"secret-{_secret}",
        });
        Assert.Equal(HttpStatusCode.NotAcceptable, status);
    }
}
