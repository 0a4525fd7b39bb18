using System.Net;
using System.Text;
using System.Text.Json;
using HostService.GrainInterfaces;
using HostService.Tests.Gateway.Fakes;

namespace HostService.Tests.Gateway.Wire;

/// <summary>What holds for all six endpoints, and the four small ones' own work.</summary>
public sealed class WireTests
{
    private const string Secret = "the-shared-secret";

    public static TheoryData<string, string> Endpoints => new()
    {
        { "PUT", "/spin_up_mandelbox" },
        { "POST", "/drain_and_shutdown" },
        { "PUT", "/set_container_dpi" },
        { "POST", "/mount_cloud_storage" },
        { "POST", "/register_docker_container_id" },
        { "POST", "/create_uinput_devices" },
    };

    private static Task<GatewayHost> DeployedAsync(FakeGrains? grains = null) =>
        GatewayHost.StartAsync(HostEnvironment.Prod, grains, null, ("Auth:SharedSecret", Secret), ("Ecs:Enabled", "true"));

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task Another_method_on_a_known_path_is_told_which_one_was_expected(string method, string path)
    {
        await using var host = await DeployedAsync();
        foreach (var other in new[] { "GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND" }.Where(m => m != method))
        {
            var response = await host.SendAsync(other, path, "not even JSON");

            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            Assert.Equal("text/plain", response.Content.Headers.ContentType!.MediaType);
            Assert.Equal($"Bad request type. Expected {method}, got {other}", await response.Content.ReadAsStringAsync());
        }

        var head = await host.SendAsync("HEAD", path);
        Assert.Equal(HttpStatusCode.BadRequest, head.StatusCode);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync());
    }

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task A_browsers_preflight_is_just_another_method(string method, string path)
    {
        await using var host = await DeployedAsync();
        using var request = new HttpRequestMessage(HttpMethod.Options, path);
        request.Headers.Add("Origin", "https://evil.example");
        request.Headers.Add("Access-Control-Request-Method", method);

        var response = await host.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.False(response.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task A_malformed_body_comes_before_authentication_and_authentication_before_the_values(string method, string path)
    {
        await using var host = await DeployedAsync();

        Assert.Equal(HttpStatusCode.BadRequest, (await host.SendAsync(method, path, "{")).StatusCode);
        foreach (var body in new[] { "{}", """{"auth_secret":null}""", """{"auth_secret":"wrong","fractal_id":"..","host_port":0}""", """{"jwt_access_token":"a.b.c"}""" })
        {
            var response = await host.SendAsync(method, path, body);
            Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
            Assert.Equal("Unauthorized", await response.Content.ReadAsStringAsync());
        }

        Assert.Empty(host.Grains.Calls);
        Assert.False(host.Shutdown.Requested.IsCompleted);
    }

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task A_body_of_more_than_a_mebibyte_is_refused_whether_or_not_its_length_is_told(string method, string path)
    {
        await using var host = await DeployedAsync();
        const int Limit = 1 << 20;

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await host.SendContentAsync(method, path, new ByteArrayContent(Body(Limit + 1)))).StatusCode);
        Assert.Equal(
            HttpStatusCode.RequestEntityTooLarge, (await host.SendContentAsync(method, path, new Chunked(Body(Limit + 1)))).StatusCode);
        Assert.Equal(
            HttpStatusCode.Unauthorized, (await host.SendContentAsync(method, path, new ByteArrayContent(Body(Limit)))).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await host.SendContentAsync(method, path, new Chunked(Body(Limit)))).StatusCode);

        static byte[] Body(int length) => Encoding.UTF8.GetBytes("{}" + new string(' ', length - 2));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/nothing")]
    [InlineData("/spin_up_mandelbox/")]
    [InlineData("/Spin_Up_Mandelbox")]
    [InlineData("/spin_up_mandelbox/x")]
    [InlineData("//spin_up_mandelbox")]
    public async Task Any_other_path_is_a_404(string path)
    {
        await using var host = await GatewayHost.LocalAsync();

        foreach (var method in new[] { "GET", "PUT", "POST" })
        {
            Assert.Equal(HttpStatusCode.NotFound, (await host.SendAsync(method, path, "{}")).StatusCode);
        }

        Assert.Empty(host.Grains.Calls);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData(""","force":false""", false)]
    [InlineData(""","force":null""", false)]
    [InlineData(""","force":true""", true)]
    public async Task Drain_and_shutdown_answers_and_then_drains_or_with_force_stops(string more, bool force)
    {
        await using var host = await DeployedAsync();

        var response = await host.SendAsync("POST", "/drain_and_shutdown", Backend().Insert(Backend().Length - 1, more));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("""{"result":"request successful"}""", await response.Content.ReadAsStringAsync());
        var (reason, forced) = await host.Shutdown.Requested;
        Assert.Contains("drain_and_shutdown", reason, StringComparison.Ordinal);
        Assert.Equal(force, forced);
    }

    [Theory]
    [InlineData("1")]
    [InlineData("\"true\"")]
    public async Task A_force_that_is_no_boolean_is_malformed_and_asks_for_nothing(string force)
    {
        await using var host = await DeployedAsync();

        var response = await host.SendAsync(
            "POST", "/drain_and_shutdown", Backend().Insert(Backend().Length - 1, $",\"force\":{force}"));

        Assert.Equal((HttpStatusCode.BadRequest, "Malformed body"), (response.StatusCode, await response.Content.ReadAsStringAsync()));
        Assert.False(host.Shutdown.Requested.IsCompleted);
    }

    [Fact]
    public async Task Dpi_goes_to_the_mandelbox_behind_the_tcp_port()
    {
        var grains = new FakeGrains()
            .Host<string?>(nameof(IHostGrain.FindByHostPort), "box-7")
            .Mandelbox<string?>(nameof(IMandelboxGrain.SetDpi), (string?)null);
        await using var host = await DeployedAsync(grains);

        var response = await host.SendAsync("PUT", "/set_container_dpi", Backend(("host_port", 30001), ("dpi", 96)));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("""{"result":""}""", await response.Content.ReadAsStringAsync());
        var find = grains.CallsOf(nameof(IHostGrain.FindByHostPort)).Single();
        Assert.Equal((GatewayHost.InstanceName, 30001, Transport.Tcp), (find.Key, find.Argument<int>(), find.Argument<Transport>()));
        var set = grains.CallsOf(nameof(IMandelboxGrain.SetDpi)).Single();
        Assert.Equal(("box-7", 96), (set.Key, set.Argument<int>()));
    }

    [Theory]
    [InlineData("/set_container_dpi", "PUT")]
    [InlineData("/mount_cloud_storage", "POST")]
    public async Task A_port_that_no_mandelbox_has_is_a_406(string path, string method)
    {
        await using var host = await DeployedAsync(new FakeGrains().Host<string?>(nameof(IHostGrain.FindByHostPort), (string?)null));

        var response = await host.SendAsync(method, path, Backend(("host_port", 30001), ("dpi", 96), ("provider", "dropbox")));

        Assert.Equal(HttpStatusCode.NotAcceptable, response.StatusCode);
        Assert.Equal("""{"result":"","error":"no mandelbox has host port 30001/tcp"}""", await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("PUT", "/set_container_dpi", "host_port", 0)]
    [InlineData("PUT", "/set_container_dpi", "host_port", 65536)]
    [InlineData("PUT", "/set_container_dpi", "host_port", null)]
    [InlineData("PUT", "/set_container_dpi", "dpi", null)]
    [InlineData("PUT", "/set_container_dpi", "dpi", 1001)]
    [InlineData("POST", "/mount_cloud_storage", "host_port", -1)]
    [InlineData("POST", "/mount_cloud_storage", "provider", "")]
    [InlineData("POST", "/mount_cloud_storage", "provider", "../drive")]
    [InlineData("POST", "/mount_cloud_storage", "access_token", "a\nb")]
    [InlineData("POST", "/mount_cloud_storage", "client_secret", "a\0b")]
    [InlineData("POST", "/register_docker_container_id", "docker_id", "../../etc")]
    [InlineData("POST", "/register_docker_container_id", "docker_id", null)]
    [InlineData("POST", "/register_docker_container_id", "fractal_id", "a b")]
    [InlineData("POST", "/create_uinput_devices", "fractal_id", "..")]
    [InlineData("POST", "/create_uinput_devices", "fractal_id", "host-service-warmup")]
    public async Task A_bad_value_is_a_406_that_names_the_field_and_reaches_no_grain(
        string method, string path, string field, object? value)
    {
        await using var host = await DeployedAsync();
        var fields = new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["auth_secret"] = Secret,
            ["host_port"] = 30001,
            ["dpi"] = 96,
            ["provider"] = "dropbox",
            ["docker_id"] = new string('a', 64),
            ["fractal_id"] = "box-1",
            [field] = value,
        };

        var response = await host.SendAsync(method, path, JsonSerializer.Serialize(fields));

        Assert.Equal(HttpStatusCode.NotAcceptable, response.StatusCode);
        Assert.Contains(field, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Empty(host.Grains.Calls);
    }

    [Fact]
    public async Task Cloud_storage_is_mounted_with_every_field_and_the_grains_refusal_comes_back()
    {
        string? refusal = null;
        var grains = new FakeGrains()
            .Host<string?>(nameof(IHostGrain.FindByHostPort), "box-7")
            .Mandelbox(nameof(IMandelboxGrain.MountCloudStorage), _ => Task.FromResult(refusal));
        await using var host = await DeployedAsync(grains);
        var body = Backend(
            ("host_port", 30001), ("provider", "google_drive"), ("access_token", "at"), ("refresh_token", "rt"), (
                "expiry", "2026-01-01T00:00:00Z"),
            ("token_type", "Bearer"), ("client_id", "ci"), ("client_secret", "cs"));

        Assert.Equal("""{"result":""}""", await (await host.SendAsync("POST", "/mount_cloud_storage", body)).Content.ReadAsStringAsync());
        refusal = "rclone ended with exit code 1";
        var refused = await host.SendAsync("POST", "/mount_cloud_storage", body);

        Assert.Equal(HttpStatusCode.NotAcceptable, refused.StatusCode);
        Assert.Equal("""{"result":"","error":"rclone ended with exit code 1"}""", await refused.Content.ReadAsStringAsync());
        var call = grains.CallsOf(nameof(IMandelboxGrain.MountCloudStorage)).First();
        Assert.Equal("box-7", call.Key);
        Assert.Equal(
            new CloudDrive
            {
                Provider = "google_drive",
                AccessToken = "at",
                RefreshToken = "rt",
                Expiry = "2026-01-01T00:00:00Z",
                TokenType = "Bearer",
                ClientId = "ci",
                ClientSecret = "cs",
            },
            call.Argument<CloudDrive>());
    }

    [Fact]
    public async Task A_container_of_the_agents_is_registered_with_its_mandelbox()
    {
        var grains = new FakeGrains().Mandelbox<string?>(nameof(IMandelboxGrain.RegisterContainer), (string?)null);
        await using var host = await DeployedAsync(grains);

        var response = await host.SendAsync(
            "POST", "/register_docker_container_id", Backend(("docker_id", new string('a', 64)), ("fractal_id", "box-7")));

        Assert.Equal("""{"result":""}""", await response.Content.ReadAsStringAsync());
        var call = Assert.Single(grains.Calls);
        Assert.Equal(("box-7", new string('a', 64)), (call.Key, call.Argument<string>()));
    }

    [Fact]
    public async Task Devices_come_as_a_json_text_within_the_result()
    {
        var grains = new FakeGrains().Mandelbox(
            nameof(IMandelboxGrain.CreateInputDevices), new InputDevicesAnswer(
                [new DeviceDescription("/dev/input/event5", "/dev/input/event5", "rwm")], null));
        await using var host = await DeployedAsync(grains);

        var response = await host.SendAsync("POST", "/create_uinput_devices", Backend(("fractal_id", "box-7")));

        Assert.Equal(
            """{"result":"[{\"path_on_host\":\"/dev/input/event5\",\"path_in_container\":\"/dev/input/event5\",\"cgroup_permissions\":\"rwm\"}]"}""",
            await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("/register_docker_container_id")]
    [InlineData("/create_uinput_devices")]
    public async Task The_agents_endpoints_say_that_they_are_off_but_only_to_the_backend(string path)
    {
        await using var host = await GatewayHost.StartAsync(HostEnvironment.Prod, null, null, ("Auth:SharedSecret", Secret));

        Assert.Equal(HttpStatusCode.Unauthorized, (await host.SendAsync("POST", path, "{}")).StatusCode);
        var response = await host.SendAsync("POST", path, Backend());

        Assert.Equal(HttpStatusCode.NotAcceptable, response.StatusCode);
        Assert.Contains("Ecs:Enabled", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_local_environment_asks_the_backend_on_loopback_for_nothing_unless_something_to_check_is_configured()
    {
        await using var open = await GatewayHost.LocalAsync();
        Assert.Equal(HttpStatusCode.OK, (await open.SendAsync("POST", "/drain_and_shutdown", "{}", "127.0.0.1")).StatusCode);

        await using var secret = await GatewayHost.LocalAsync(null, null, ("Auth:SharedSecret", Secret));
        Assert.Equal(HttpStatusCode.Unauthorized, (await secret.SendAsync("POST", "/drain_and_shutdown", "{}")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await secret.SendAsync("POST", "/drain_and_shutdown", Backend())).StatusCode);

        await using var issuer = await GatewayHost.LocalAsync(null, null, ("Auth:Issuer", "https://issuer.example/"));
        Assert.Equal(HttpStatusCode.Unauthorized, (await issuer.SendAsync("POST", "/drain_and_shutdown", "{}")).StatusCode);
    }

    private static string Backend(params (string Name, object Value)[] fields) =>
        JsonSerializer.Serialize(fields.Prepend(("auth_secret", Secret)).ToDictionary(f => f.Item1, f => f.Item2, StringComparer.Ordinal));

    /// <summary>A body whose length is not told beforehand.</summary>
    private sealed class Chunked(byte[] body) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            foreach (var chunk in body.Chunk(4096))
            {
                await stream.WriteAsync(chunk);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
