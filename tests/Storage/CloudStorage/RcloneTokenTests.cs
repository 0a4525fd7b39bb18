using System.Collections.Concurrent;
using System.Net;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace HostService.Tests.Storage.CloudStorage;

/// <summary>A backend that signs in with OAuth as Google Drive and Dropbox do, and whose addresses can be given: HiDrive.</summary>
public sealed class RcloneTokenTests : CloudStorageTestBase
{
    private readonly ConcurrentQueue<string> _refreshes = [];
    private readonly ConcurrentQueue<string> _credentials = [];
    private WebApplication? _cloud;

    public override async Task InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _cloud = builder.Build();
        _cloud.MapPost("/token", async (HttpRequest request) =>
        {
            var form = await request.ReadFormAsync();
            _refreshes.Enqueue(form["refresh_token"].ToString());
            return Results.Json(
                new { access_token = "fresh-" + Secret, refresh_token = "refresh-" + Secret, expires_in = 3600, token_type = "Bearer" });
        });
        _cloud.MapGet("/{**path}", (HttpRequest request) =>
        {
            _credentials.Enqueue(request.Headers.Authorization.ToString());
            return Results.Json(new { id = "x", path = "/", type = "dir", name = "root", mtime = 1, members = Array.Empty<string>() });
        });
        await _cloud.StartAsync();
        var url = _cloud.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        Providers["oauth"] = new CloudProvider
        {
            Type = "hidrive",
            Directory = "OAuth",
            Options = { ["token_url"] = url + "/token", ["auth_url"] = url + "/auth", ["endpoint"] = url, ["scope_access"] = "rw" },
        };
        await base.InitializeAsync();
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        if (_cloud is not null)
        {
            await _cloud.DisposeAsync();
        }
    }

    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task A_token_that_has_expired_is_refreshed_and_the_new_one_is_written_nowhere()
    {
        var refusal = await MountAsync("oauth");
        Assert.True(refusal is null, refusal);
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(CloudRoot, Mandelbox, "OAuth")));

        Assert.Contains("refresh-" + Secret, _refreshes);
        Assert.NotEmpty(_credentials);
        Assert.All(_credentials, sent => Assert.Equal("Bearer fresh-" + Secret, sent));
        Assert.Equal("", await Shell.RunAsync("grep -rlsF \"$1\" \"$2\" \"$HOME\"/.config || true", Secret, Scratch.Path));
        Assert.DoesNotContain(Log.Lines, line => line.Contains(Secret, StringComparison.Ordinal));
    }
}
