using System.Net;
using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using HostService.GrainInterfaces;
using HostService.Tests.Gateway.Fakes;

namespace HostService.Tests.Gateway.Wire;

/// <summary>Whatever a caller sends, the answer is one of the contract's, and nothing that the contract forbids reaches a grain.</summary>
public sealed class RandomBodiesTests
{
    private static readonly (string Method, string Path)[] Endpoints =
    [
        ("PUT", "/spin_up_mandelbox"), ("POST", "/drain_and_shutdown"), ("PUT", "/set_container_dpi"), ("POST", "/mount_cloud_storage"),
        ("POST", "/register_docker_container_id"), ("POST", "/create_uinput_devices"),
    ];

    private static readonly string[] Fields =
    [
        "app_name", "config_encryption_token", "jwt_access_token", "mandelbox_id", "session_id", "dpi", "auth_secret", "host_port",
        "provider", "access_token",
        "refresh_token", "expiry", "token_type", "client_id", "client_secret", "docker_id", "fractal_id", "unknown", "",
    ];

    /// <summary>JSON texts of values: good ones, nearly good ones, and nasty ones.</summary>
    private static readonly string[] Values =
    [
        "\"browsers/chrome\"", "\"browsers/chrome:v1\"", "\"browsers/chrome:a:b\"", "\"box-1\"", "\"1234567890\"", "1234567890", "96", "30001", "\"dropbox\"", $"\"{new string('a', 64)}\"",
        "null", "true", "0", "-1", "1.5", "1e400", "18446744073709551616", "9223372036854775808", "65536", "[]", "{}", "[[[[1]]]]", "\"\"",
        "\"..\"", "\"../../etc/passwd\"",
        "\"a/b\"", "\"a\\u0000b\"", "\"a\\nb\"", "\"\\ud800\"", "\"\\u202e\"", "\"ä\"", "\"host-service-warmup\"", "\"-rf\"", "\"$(id)\"",
        "\"%2e%2e\"",
        $"\"{new string('a', 10_240)}\"", "\"" + string.Concat(Enumerable.Repeat("../", 3000)) + "\"", "tru", "\"", "", "NaN", "'x'",
    ];

    private static readonly Gen<string> Value = Gen.Frequency(
        (8, Gen.Elements(Values)),
        (1, ArbMap.Default.GeneratorFor<string>().Select(s => JsonSerializer.Serialize(s ?? ""))),
        (1, ArbMap.Default.GeneratorFor<double>().Select(d => d.ToString("R"))));

    private static readonly Gen<byte[]> Object =
        from pairs in Gen.Elements(Fields).SelectMany(_ => Value, (name, value) => $"\"{name}\":{value}").ListOf()
        select Encoding.UTF8.GetBytes("{" + string.Join(',', pairs) + "}");

    /// <summary>A body with every field right, a few of them replaced.</summary>
    private static readonly Gen<byte[]> NearlyRight =
        from wrong in Gen.Choose(0, 2).SelectMany(
            n => Gen.Elements(Fields).SelectMany(_ => Value, (name, value) => (name, value)).ArrayOf(n))
        select Spell(wrong);

    private static readonly Gen<byte[]> Noise = ArbMap.Default.GeneratorFor<byte[]>().Select(b => b ?? []);

    private static readonly Gen<byte[]> Damaged =
        from body in NearlyRight
        from at in Gen.Choose(0, body.Length - 1)
        from other in Gen.Choose(0, 255)
        from cut in Gen.Choose(0, 3)
        select cut == 0 ? body[..at] : [.. body[..at], (byte)other, .. body[(at + 1)..]];

    private static readonly Gen<(int Endpoint, int Method, byte[] Body)> Requests =
        from endpoint in Gen.Choose(0, Endpoints.Length - 1)
        from method in Gen.Choose(0, 9)
        from body in Gen.Frequency((3, NearlyRight), (3, Object), (2, Damaged), (1, Noise))
        select (endpoint, method, body);

    [Fact]
    public async Task Ten_thousand_random_bodies_get_no_500_and_no_bad_id_reaches_a_grain()
    {
        var statuses = new Dictionary<HttpStatusCode, int>();
        await using var host = await GatewayHost.LocalAsync(Answering(), null, ("Ecs:Enabled", "true"));

        Prop.ForAll(Requests.ToArbitrary(), request =>
        {
            var status = Ask(host, request);
            statuses[status] = statuses.GetValueOrDefault(status) + 1;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(10_000).WithEndSize(30));

        // It is no proof unless all of the answers have been seen.
        Assert.True(statuses.GetValueOrDefault(HttpStatusCode.OK) > 100, string.Join(", ", statuses));
        Assert.True(statuses.GetValueOrDefault(HttpStatusCode.BadRequest) > 1000, string.Join(", ", statuses));
        Assert.True(statuses.GetValueOrDefault(HttpStatusCode.NotAcceptable) > 500, string.Join(", ", statuses));
        Assert.All(host.Grains.Calls, HasGoodArguments);
    }

    [Fact]
    public async Task A_deployed_host_calls_no_grain_for_any_of_them()
    {
        await using var host = await GatewayHost.StartAsync(HostEnvironment.Prod, Answering(), null, ("Ecs:Enabled", "true"));

        Prop.ForAll(Requests.ToArbitrary(), request =>
            Assert.Contains(Ask(host, request), new[] { HttpStatusCode.BadRequest, HttpStatusCode.Unauthorized }))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(1_000).WithEndSize(30));

        Assert.Empty(host.Grains.Calls);
    }

    private static HttpStatusCode Ask(GatewayHost host, (int Endpoint, int Method, byte[] Body) request)
    {
        var (method, path) = Endpoints[request.Endpoint];
        // One in ten comes by another method.
        var send = host.SendContentAsync(request.Method == 0 ? "GET" : method, path, new ByteArrayContent(request.Body), "127.0.0.1");
        using var response = send.GetAwaiter().GetResult();
        var text = response.Content.ReadAsStringAsync().GetAwaiter().GetResult();
        switch (response.StatusCode)
        {
            case HttpStatusCode.BadRequest:
                Assert.True(text == "Malformed body" || text == $"Bad request type. Expected {method}, got GET", text);
                break;
            case HttpStatusCode.Unauthorized:
                Assert.Equal("Unauthorized", text);
                break;
            case HttpStatusCode.OK:
            case HttpStatusCode.NotAcceptable:
                Assert.Equal("application/json", response.Content.Headers.ContentType!.MediaType);
                using (var json = JsonDocument.Parse(text))
                {
                    Assert.Equal(response.StatusCode == HttpStatusCode.NotAcceptable, json.RootElement.TryGetProperty("error", out var why) && why.GetString() != "");
                }

                break;
            default:
                Assert.Fail($"{(int)response.StatusCode} {text}");
                break;
        }

        return response.StatusCode;
    }

    private static void HasGoodArguments(GrainCall call)
    {
        if (call.Grain == nameof(IMandelboxGrain))
        {
            Assert.InRange(call.Key.Length, 1, 128);
            Assert.All(call.Key, c => Assert.True(char.IsAsciiLetterOrDigit(c) || c is '_' or '-', call.Key));
            Assert.NotEqual("host-service-warmup", call.Key);
        }

        foreach (var request in call.Arguments.OfType<SpinUpRequest>())
        {
            // A local host takes an image's tag behind the app's name.
            var (app, tag) = request.AppName.Split(':', 2) is [var name, var rest] ? (name, rest) : (request.AppName, "latest");
            Assert.InRange(app.Length, 1, 200);
            Assert.DoesNotContain("..", app, StringComparison.Ordinal);
            Assert.All(app, c => Assert.True(
                char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-' or '/', request.AppName));
            Assert.InRange(tag.Length, 1, 128);
            Assert.All(tag, c => Assert.True(char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-', request.AppName));
            Assert.True(request.Dpi is null or (>= 1 and <= 1000));
            Assert.True(request.ConfigEncryptionToken.Length >= 10);
        }

        if (call.Method == nameof(IHostGrain.FindByHostPort))
        {
            Assert.InRange(call.Argument<int>(), 1, 65535);
        }

        if (call.Method == nameof(IMandelboxGrain.RegisterContainer))
        {
            Assert.All(call.Argument<string>(), c => Assert.True(char.IsAsciiHexDigitLower(c)));
        }
    }

    private static byte[] Spell(IEnumerable<(string Name, string Value)> wrong)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["app_name"] = "\"browsers/chrome\"",
            ["config_encryption_token"] = "\"1234567890\"",
            ["mandelbox_id"] = "\"box-1\"",
            ["session_id"] = "18446744073709551615",
            ["dpi"] = "96",
            ["host_port"] = "30001",
            ["provider"] = "\"dropbox\"",
            ["docker_id"] = $"\"{new string('a', 64)}\"",
            ["fractal_id"] = "\"box-1\"",
        };
        foreach (var (name, value) in wrong)
        {
            fields[name] = value;
        }

        return Encoding.UTF8.GetBytes("{" + string.Join(',', fields.Select(f => $"\"{f.Key}\":{f.Value}")) + "}");
    }

    private static FakeGrains Answering() => new FakeGrains()
        .Host<string?>(nameof(IHostGrain.FindByHostPort), "box-1")
        .Mandelbox(nameof(IMandelboxGrain.SpinUp), Samples.Ready)
        .Mandelbox<string?>(nameof(IMandelboxGrain.SetDpi), (string?)null)
        .Mandelbox<string?>(nameof(IMandelboxGrain.MountCloudStorage), "rclone said no")
        .Mandelbox<string?>(nameof(IMandelboxGrain.RegisterContainer), (string?)null)
        .Mandelbox(nameof(IMandelboxGrain.CreateInputDevices), new InputDevicesAnswer(null, "there is no uinput"));
}
