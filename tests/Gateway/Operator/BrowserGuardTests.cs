using System.Net;
using HostService.GrainInterfaces;
using HostService.Tests.Gateway.Fakes;

namespace HostService.Tests.Gateway.Operator;

/// <summary>Loopback needs no credential, but a web page that is open in a browser there must not use that.</summary>
public sealed class BrowserGuardTests
{
    private const string Loopback = "127.0.0.1";

    public static TheoryData<string, string> Operators => new()
    {
        { "GET", "/ops" },
        { "GET", "/ops/ops.js" },
        { "GET", "/v1/host" },
        { "POST", "/v1/host/drain" },
        { "DELETE", "/v1/mandelboxes/box-1" },
        { "GET", "/guarded" },
        { "GET", "/healthz" },
    };

    public static TheoryData<string, string> Wire => new()
    {
        { "POST", "/drain_and_shutdown" },
        { "PUT", "/spin_up_mandelbox" },
        { "POST", "/mount_cloud_storage" },
    };

    [Theory]
    [MemberData(nameof(Operators))]
    [MemberData(nameof(Wire))]
    public async Task What_a_browser_sends_for_another_web_page_is_refused(string method, string path)
    {
        foreach (var (name, value) in new[]
        {
            ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site"), ("Origin", "https://evil.example"),
            ("Origin", "https://localhost:3000"), ("Origin", "https://localhost.evil.example"), ("Origin", "null"),
        })
        {
            await using var host = await GatewayHost.LocalAsync();
            host.Client.DefaultRequestHeaders.Add(name, value);

            await IsRefusedAsync(host, method, path);
        }
    }

    [Theory]
    [MemberData(nameof(Operators))]
    [MemberData(nameof(Wire))]
    public async Task A_name_that_is_not_this_hosts_is_refused_from_loopback(string method, string path)
    {
        foreach (var name in new[] { "evil.example", "localhost.evil.example", "evil.example:4678", "127.0.0.1.evil.example" })
        {
            await using var host = await GatewayHost.LocalAsync();
            host.Client.DefaultRequestHeaders.Host = name;

            await IsRefusedAsync(host, method, path);
        }
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("localhost:4678")]
    [InlineData("LOCALHOST.")]
    [InlineData("ops.localhost")]
    [InlineData("127.0.0.1:4678")]
    [InlineData("[::1]:4678")]
    [InlineData("192.0.2.7")]
    [InlineData(GatewayHost.InstanceName)]
    [InlineData("gpu-7.example.org")]
    public async Task The_hosts_own_names_and_addresses_are_let_in(string name)
    {
        await using var host = await HostAsync(HostEnvironment.LocalDev, ("Gateway:CertificateNames", "gpu-7.example.org, 192.0.2.8"));
        host.Client.DefaultRequestHeaders.Host = name;
        host.Client.DefaultRequestHeaders.Add("Origin", $"https://{name}");
        host.Client.DefaultRequestHeaders.Add("Sec-Fetch-Site", "same-origin");

        Assert.Equal(HttpStatusCode.OK, (await host.SendAsync("GET", "/v1/host", null, Loopback)).StatusCode);
    }

    [Fact]
    public async Task The_machines_own_name_is_let_in()
    {
        await using var host = await HostAsync(HostEnvironment.LocalDev);
        host.Client.DefaultRequestHeaders.Host = Environment.MachineName;

        Assert.Equal(HttpStatusCode.OK, (await host.SendAsync("GET", "/v1/host", null, Loopback)).StatusCode);
    }

    [Fact]
    public async Task An_address_that_somebody_types_is_let_in()
    {
        await using var host = await HostAsync(HostEnvironment.LocalDev);
        host.Client.DefaultRequestHeaders.Add("Sec-Fetch-Site", "none");

        Assert.Equal(HttpStatusCode.OK, (await host.SendAsync("GET", "/ops", null, Loopback)).StatusCode);
    }

    [Fact]
    public async Task From_elsewhere_a_host_has_any_name_and_a_web_page_is_refused_even_with_a_credential()
    {
        await using var host = await HostAsync(HostEnvironment.Prod, ("Auth:SharedSecret", "secret"));
        host.Client.DefaultRequestHeaders.Host = "gpu-7.example.org";
        Assert.Equal(HttpStatusCode.OK, (await host.SendAsync("GET", "/v1/host", bearer: "secret")).StatusCode);

        host.Client.DefaultRequestHeaders.Add("Origin", "https://evil.example");
        Assert.Equal(HttpStatusCode.Forbidden, (await host.SendAsync("GET", "/v1/host", bearer: "secret")).StatusCode);
    }

    [Fact]
    public async Task The_wire_of_a_deployed_host_asks_for_its_credential_and_nothing_else()
    {
        await using var host = await HostAsync(HostEnvironment.Prod, ("Auth:SharedSecret", "secret"));
        host.Client.DefaultRequestHeaders.Host = "gpu-7.example.org";
        host.Client.DefaultRequestHeaders.Add("Origin", "https://app.example");

        Assert.Equal(HttpStatusCode.OK, (await host.SendAsync("POST", "/drain_and_shutdown", """{"auth_secret":"secret"}""", Loopback)).StatusCode);
    }

    private static Task<GatewayHost> HostAsync(HostEnvironment environment, params (string, string)[] settings) => GatewayHost.StartAsync(
        environment,
        new FakeGrains().Host(nameof(IHostGrain.Describe), Samples.Host())
            .Host<IReadOnlyList<MandelboxDescription>>(nameof(IHostGrain.ListMandelboxes), []),
        null,
        settings);

    private static async Task IsRefusedAsync(GatewayHost host, string method, string path)
    {
        using var answer = await host.SendAsync(method, path, "{}", Loopback);

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
        Assert.Empty(host.Grains.Calls);
        Assert.False(host.Shutdown.Requested.IsCompleted);
    }
}
