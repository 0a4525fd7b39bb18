using System.Net;
using HostService.GrainInterfaces;
using HostService.Tests.Gateway.Fakes;

namespace HostService.Tests.Gateway.Operator;

public sealed class AccessTests
{
    private const string Secret = "the-shared-secret";

    public static TheoryData<string> Guarded => new("/v1/host", "/v1/host/drain", "/v1/doctor", "/v1/history", "/v1/events", "/v1/mandelboxes", "/v1/mandelboxes/box-1", "/v1/mandelboxes/box-1/timeline", "/v1/mandelboxes/box-1/logs", "/v1/leases", "/v1/nothing", "/guarded", "/ops", "/ops/mandelboxes/box-1", "/ops/ops.js");

    public static TheoryData<string> Monitored => new("/healthz", "/readyz", "/metrics");

    /// <summary>Addresses of connections that have loopback at one end only, as packets from a container can.</summary>
    private static (string From, string To)[] NotThisMachine =>
        [("172.17.0.2", "127.0.0.1"), ("127.0.0.1", "172.17.0.1"), ("::ffff:172.17.0.2", "::ffff:127.0.0.1"), ("::1", "2001:db8::1")];

    private static (string Method, string Path)[] BackendCalls =>
    [
        ("POST", "/drain_and_shutdown"),
        ("PUT", "/set_container_dpi"),
        ("POST", "/mount_cloud_storage"),
        ("POST", "/register_docker_container_id"),
        ("POST", "/create_uinput_devices"),
    ];

    [Theory]
    [MemberData(nameof(Guarded))]
    [MemberData(nameof(Monitored))]
    public async Task A_stranger_gets_a_401_as_problem_details_whatever_the_headers_claim(string path)
    {
        await using var host = await HostAsync();
        host.Client.DefaultRequestHeaders.Add("X-Forwarded-For", "127.0.0.1");
        host.Client.DefaultRequestHeaders.Add("Forwarded", "for=127.0.0.1");
        host.Client.DefaultRequestHeaders.Add("X-Real-IP", "127.0.0.1");

        foreach (var bearer in new[] { null, "wrong" })
        {
            var response = await host.SendAsync("GET", path, null, bearer: bearer);

            Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
            Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
            Assert.Equal("Bearer", response.Headers.WwwAuthenticate.Single().Scheme);
        }

        Assert.Empty(host.Grains.Calls);
    }

    [Theory]
    [MemberData(nameof(Guarded))]
    [MemberData(nameof(Monitored))]
    public async Task Loopback_and_the_backends_bearer_are_let_in(string path)
    {
        await using var host = await HostAsync();

        foreach (var loopback in new[] { "127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1" })
        {
            Assert.NotEqual(HttpStatusCode.Unauthorized, (await host.SendAsync("GET", path, null, loopback)).StatusCode);
        }

        Assert.NotEqual(HttpStatusCode.Unauthorized, (await host.SendAsync("GET", path, null, bearer: Secret)).StatusCode);
    }

    [Theory]
    [MemberData(nameof(Guarded))]
    [MemberData(nameof(Monitored))]
    public async Task Loopback_counts_only_at_both_ends_of_the_connection(string path)
    {
        await using var host = await HostAsync();

        foreach (var (from, to) in NotThisMachine)
        {
            Assert.Equal(HttpStatusCode.Unauthorized, (await host.SendAsync("GET", path, from: from, to: to)).StatusCode);
        }
    }

    [Fact]
    public async Task A_monitors_address_sees_health_and_metrics_and_no_more()
    {
        await using var host = await HostAsync(("Gateway:MonitoringNetworks", "10.8.0.0/16,203.0.113.7,2001:db8::/32"));

        foreach (var address in new[] { "10.8.200.1", "203.0.113.7", "::ffff:203.0.113.7", "2001:db8::7" })
        {
            Assert.Equal(HttpStatusCode.OK, (await host.SendAsync("GET", "/healthz", null, address)).StatusCode);
            Assert.Equal(HttpStatusCode.Unauthorized, (await host.SendAsync("GET", "/v1/host", null, address)).StatusCode);
        }

        Assert.Equal(HttpStatusCode.Unauthorized, (await host.SendAsync("GET", "/healthz", null, "10.9.0.1")).StatusCode);
    }

    [Fact]
    public async Task A_connection_without_an_address_is_not_loopback()
    {
        await using var host = await HostAsync();

        Assert.Equal(HttpStatusCode.Unauthorized, (await host.Client.GetAsync(new Uri("/v1/host", UriKind.Relative))).StatusCode);
    }

    [Fact]
    public async Task A_local_environment_guards_the_operators_side_too()
    {
        await using var host = await GatewayHost.LocalAsync();

        Assert.Equal(HttpStatusCode.Unauthorized, (await host.SendAsync("GET", "/v1/host")).StatusCode);
    }

    [Fact]
    public async Task A_local_environment_with_nothing_to_check_against_takes_backend_calls_from_loopback_only()
    {
        await using var host = await GatewayHost.LocalAsync(null, null, ("Ecs:Enabled", "true"));
        foreach (var (method, path) in BackendCalls)
        {
            foreach (var (from, to) in NotThisMachine.Append((GatewayHost.Outside, "192.0.2.1")))
            {
                var refused = await host.SendAsync(method, path, """{"auth_secret":"any"}""", from, to: to);
                Assert.Equal(
                    (HttpStatusCode.Unauthorized, "Unauthorized"), (refused.StatusCode, await refused.Content.ReadAsStringAsync()));
            }

            foreach (var loopback in new[] { "127.0.0.1", "::1", "::ffff:127.0.0.1" })
            {
                Assert.NotEqual(HttpStatusCode.Unauthorized, (await host.SendAsync(method, path, "{}", loopback)).StatusCode);
            }
        }

        await host.Shutdown.Requested;
    }

    [Fact]
    public async Task Calls_that_are_refused_for_their_address_are_counted_like_bad_credentials()
    {
        await using var host = await GatewayHost.LocalAsync(null, null, ("Auth:FailuresPerMinute", "2"));
        Assert.False((await host.SendAsync("POST", "/drain_and_shutdown", "{}")).Headers.Contains("Retry-After"));
        Assert.False((await host.SendAsync("POST", "/drain_and_shutdown", "{}")).Headers.Contains("Retry-After"));
        Assert.True((await host.SendAsync("POST", "/drain_and_shutdown", "{}")).Headers.Contains("Retry-After"));
        Assert.False(host.Shutdown.Requested.IsCompleted);
    }

    private static Task<GatewayHost> HostAsync(params (string, string)[] settings) =>
        GatewayHost.StartAsync(HostEnvironment.Prod, null, null, [("Auth:SharedSecret", Secret), .. settings]);
}
