using System.Globalization;
using HostService.Infrastructure.Backend.Connection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;

namespace HostService.Tests.Backend;

public sealed class HerokuTests
{
    private const string ApiKey = "key-hunter2";

    [Fact]
    public async Task The_connection_string_is_the_apps_config_var()
    {
        await using var heroku = await LoopbackServer.StartAsync(
            _ => (200, """{"OTHER":"x","DATABASE_URL":"postgres://u:p%40ss@ec2-1.example.com:5555/d1"}"""));

        var found = await Source(heroku.Url).ResolveAsync(default);

        Assert.Equal(("ec2-1.example.com", 5555, "u", "p@ss", "d1", SslMode.Require), (
            found.Host, found.Port, found.Username, found.Password, found.Database, found.SslMode));
        var request = await heroku.NextAsync();
        Assert.Equal(("GET", "/apps/fractal-dev/config-vars"), (request.Method, request.Path));
        Assert.Equal("Bearer " + ApiKey, request.Headers["Authorization"]);
        Assert.Equal("application/vnd.heroku+json; version=3", request.Headers["Accept"]);
    }

    [Theory]
    [InlineData(401, "{}", "401, Heroku:ApiKey is not valid.")]
    [InlineData(403, "{}", "403, the owner of Heroku:ApiKey may not see this app.")]
    [InlineData(404, "{}", "404, there is no such app; check Heroku:App.")]
    [InlineData(500, "{}", "refused to show the config vars of app fractal-dev: 500.")]
    [InlineData(302, "http://127.0.0.1:1/", "refused to show the config vars of app fractal-dev: 302.")]
    [InlineData(200, "{}", "The Heroku app fractal-dev has no config var DATABASE_URL.")]
    [InlineData(200, """{"DATABASE_URL":7}""", "The Heroku app fractal-dev has no config var DATABASE_URL.")]
    [InlineData(200, "hunter2", "is not JSON.")]
    [InlineData(
        200, """{"DATABASE_URL":"mysql://u:hunter2@h/d"}""", "DATABASE_URL of the Heroku app fractal-dev is not a postgres:// URL.")]
    public async Task Every_fault_has_its_message_and_none_holds_a_secret(int status, string body, string expected)
    {
        await using var heroku = await LoopbackServer.StartAsync(_ => (status, body));

        var e = await Assert.ThrowsAsync<BackendDatabaseException>(() => Source(heroku.Url).ResolveAsync(default));

        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", e.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Heroku_out_of_reach_counts_as_an_outage()
    {
        string url;
        await using (var heroku = await LoopbackServer.StartAsync(_ => (200, "")))
        {
            url = heroku.Url;
        }

        var e = await Assert.ThrowsAsync<BackendDatabaseException>(() => Source(url).ResolveAsync(default));

        Assert.True(e.Unreachable);
        Assert.StartsWith(string.Create(CultureInfo.InvariantCulture, $"Heroku's API at {url} could not be reached: "), e.Message, StringComparison.Ordinal);
    }

    private static ConnectionStringSource Source(string endpoint) => new(
        Options.Create(new DatabaseOptions { Heroku = new HerokuOptions { ApiKey = ApiKey, App = "fractal-dev", Endpoint = endpoint } }),
        new HerokuConfigVars(new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false })),
        NullLogger<ConnectionStringSource>.Instance);
}
