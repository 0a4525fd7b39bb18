using System.Net;
using System.Text.Json;
using HostService.GrainInterfaces;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Support;

namespace HostService.Tests.Gateway.Authentication;

public sealed class FailureLimitTests
{
    private const string Secret = "the-shared-secret";
    private readonly ManualClock _clock = new();

    [Fact]
    public async Task An_address_that_failed_too_often_is_refused_unseen_until_its_first_failure_is_a_minute_old()
    {
        await using var host = await HostAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, (await DrainAsync(host, "wrong")).StatusCode);
        _clock.Advance(TimeSpan.FromSeconds(20));
        for (var i = 0; i < 2; i++)
        {
            Assert.False((await DrainAsync(host, "wrong")).Headers.Contains("Retry-After"));
        }

        var blocked = await DrainAsync(host, Secret);
        Assert.Equal(HttpStatusCode.Unauthorized, blocked.StatusCode);
        Assert.Equal("Unauthorized", await blocked.Content.ReadAsStringAsync());
        Assert.Equal(TimeSpan.FromSeconds(40), blocked.Headers.RetryAfter!.Delta);

        _clock.Advance(TimeSpan.FromSeconds(40));
        Assert.Equal(HttpStatusCode.OK, (await DrainAsync(host, Secret)).StatusCode);
        // The window slides: the other two still count.
        await DrainAsync(host, "wrong");
        Assert.Equal(TimeSpan.FromSeconds(20), (await DrainAsync(host, Secret)).Headers.RetryAfter!.Delta);
    }

    [Theory]
    [InlineData(-3600)]
    [InlineData(3600)]
    public async Task A_change_of_the_clock_makes_the_minute_neither_longer_nor_shorter(int seconds)
    {
        await using var host = await HostAsync();
        await ExhaustAsync(host, GatewayHost.Outside);
        _clock.Set(TimeSpan.FromSeconds(seconds));

        Assert.Equal(TimeSpan.FromMinutes(1), (await DrainAsync(host, Secret)).Headers.RetryAfter!.Delta);
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(HttpStatusCode.OK, (await DrainAsync(host, Secret)).StatusCode);
    }

    [Fact]
    public async Task Each_address_is_counted_by_itself_and_an_ipv6_network_as_one()
    {
        await using var host = await HostAsync();
        await ExhaustAsync(host, "203.0.113.7");
        await ExhaustAsync(host, "2001:db8::1");

        Assert.Equal(HttpStatusCode.Unauthorized, (await DrainAsync(host, Secret, "::ffff:203.0.113.7")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await DrainAsync(host, Secret, "203.0.113.8")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await DrainAsync(host, Secret, "2001:db8::ffff")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await DrainAsync(host, Secret, "2001:db8:0:1::1")).StatusCode);
    }

    [Fact]
    public async Task Bad_user_tokens_do_not_shut_out_the_backend_behind_the_same_address()
    {
        await using var host = await HostAsync();
        for (var i = 0; i < 10; i++)
        {
            await host.SpinUpAsync(Samples.SpinUp("not a token"));
        }

        Assert.True((await host.SpinUpAsync(Samples.SpinUp("not a token"))).Headers.Contains("Retry-After"));
        Assert.Equal(HttpStatusCode.OK, (await DrainAsync(host, Secret)).StatusCode);
    }

    [Fact]
    public async Task No_credential_and_a_good_one_are_no_failures()
    {
        await using var host = await HostAsync();
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(HttpStatusCode.Unauthorized, (await DrainAsync(host, "")).StatusCode);
            Assert.Equal(HttpStatusCode.OK, (await DrainAsync(host, Secret)).StatusCode);
        }
    }

    [Fact]
    public async Task Addresses_that_are_exempt_are_always_heard()
    {
        await using var host = await HostAsync(("Auth:UnlimitedNetworks", "198.51.100.0/24, 203.0.113.7"));
        await ExhaustAsync(host, "203.0.113.7");
        await ExhaustAsync(host, "198.51.100.200");

        Assert.Equal(HttpStatusCode.OK, (await DrainAsync(host, Secret, "203.0.113.7")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await DrainAsync(host, Secret, "198.51.100.200")).StatusCode);
    }

    [Fact]
    public async Task The_operators_bearer_counts_as_the_backends_credential()
    {
        await using var host = await HostAsync();
        for (var i = 0; i < 3; i++)
        {
            await host.SendAsync("GET", "/guarded", null, bearer: "wrong");
        }

        var blocked = await host.SendAsync("GET", "/guarded", null, bearer: Secret);
        Assert.Equal(HttpStatusCode.Unauthorized, blocked.StatusCode);
        Assert.True(blocked.Headers.Contains("Retry-After"));
    }

    private Task<GatewayHost> HostAsync(params (string, string)[] settings) =>
        GatewayHost.StartAsync(
            HostEnvironment.Prod, null, _clock, [("Auth:SharedSecret", Secret), ("Auth:FailuresPerMinute", "3"), .. settings]);

    private static async Task ExhaustAsync(GatewayHost host, string from)
    {
        for (var i = 0; i < 3; i++)
        {
            await DrainAsync(host, "wrong", from);
        }
    }

    private static Task<HttpResponseMessage> DrainAsync(GatewayHost host, string credential, string from = GatewayHost.Outside) =>
        host.SendAsync("POST", "/drain_and_shutdown", JsonSerializer.Serialize(new { auth_secret = credential }), from);
}
