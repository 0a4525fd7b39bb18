using System.Net;
using System.Text;
using System.Text.Json;
using HostService.GrainInterfaces;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Support;

namespace HostService.Tests.Gateway.Wire;

public sealed class SpinUpTests
{
    private static FakeGrains Ready() => new FakeGrains().Mandelbox(nameof(IMandelboxGrain.SpinUp), Samples.Ready);

    [Fact]
    public async Task A_spin_up_answers_ports_and_key_and_passes_every_field_on()
    {
        await using var host = await GatewayHost.LocalAsync(Ready());
        var body = Samples.SpinUp();
        body["dpi"] = 96;
        body["session_id"] = ulong.MaxValue;
        body["a_field_that_nobody_knows"] = new[] { 1, 2 };

        var response = await host.SpinUpAsync(body);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("application/json", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal(
            """{"result":{"port_32262":30001,"port_32263":30002,"port_32273":30003,"aes_key":"0123456789abcdef0123456789abcdef"}}""",
            await response.Content.ReadAsStringAsync());
        var call = Assert.Single(host.Grains.Calls);
        Assert.Equal("box-1", call.Key);
        Assert.Equal(
            new SpinUpRequest(
                $"localdev_host_service_user_{GatewayHost.InstanceName}", "browsers/chrome", "1234567890", ulong.MaxValue, 96),
            call.Argument<SpinUpRequest>());
    }

    [Fact]
    public async Task What_could_not_be_done_is_a_406_with_the_grains_reason()
    {
        var grains = new FakeGrains().Mandelbox(
            nameof(IMandelboxGrain.SpinUp), SpinUpAnswer.Failed("lease", "no TTY is free: \"54\" of 54 are in use"));
        await using var host = await GatewayHost.LocalAsync(grains);

        var response = await host.SpinUpAsync(Samples.SpinUp());

        Assert.Equal(HttpStatusCode.NotAcceptable, response.StatusCode);
        Assert.Equal("application/json", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal("""{"result":"","error":"no TTY is free: \"54\" of 54 are in use"}""", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_local_environment_takes_an_app_with_a_tag_and_no_session()
    {
        await using var host = await GatewayHost.LocalAsync(Ready());
        var body = Samples.SpinUp();
        body["app_name"] = "browsers/chrome:My_tag.1-a";
        body.Remove("session_id");

        Assert.Equal(HttpStatusCode.OK, (await host.SpinUpAsync(body)).StatusCode);

        var spinUp = Assert.Single(host.Grains.Calls).Argument<SpinUpRequest>();
        Assert.Equal(("browsers/chrome:My_tag.1-a", 0UL), (spinUp.AppName, spinUp.SessionId));
    }

    [Theory]
    [InlineData("mandelbox_id", "")]
    [InlineData("mandelbox_id", null)]
    [InlineData("mandelbox_id", "..")]
    [InlineData("mandelbox_id", "a/b")]
    [InlineData("mandelbox_id", "-a")]
    [InlineData("mandelbox_id", "a.b")]
    [InlineData("mandelbox_id", "a\n")]
    [InlineData("mandelbox_id", "a\0")]
    [InlineData("mandelbox_id", "ä")]
    [InlineData("mandelbox_id", "host-service-warmup")]
    [InlineData("mandelbox_id", "temp")]
    [InlineData("mandelbox_id", "logs")]
    [InlineData("app_name", "")]
    [InlineData("app_name", "Browsers/chrome")]
    [InlineData("app_name", "../chrome")]
    [InlineData("app_name", "browsers//chrome")]
    [InlineData("app_name", "/chrome")]
    [InlineData("app_name", "chrome/")]
    [InlineData("app_name", "chrome\n")]
    [InlineData("app_name", "chrome:")]
    [InlineData("app_name", ":tag")]
    [InlineData("app_name", "chrome:a:b")]
    [InlineData("app_name", "chrome:../tag")]
    [InlineData("app_name", "chrome:-tag")]
    [InlineData("config_encryption_token", "")]
    [InlineData("config_encryption_token", "123456789")]
    [InlineData("dpi", 0)]
    [InlineData("dpi", -1)]
    [InlineData("dpi", 1001)]
    [InlineData("dpi", long.MaxValue)]
    public async Task A_bad_value_is_a_406_that_names_the_field_and_reaches_no_grain(string field, object? value)
    {
        await using var host = await GatewayHost.LocalAsync(Ready());
        var body = Samples.SpinUp();
        body[field] = value;

        var response = await host.SpinUpAsync(body);

        Assert.Equal(HttpStatusCode.NotAcceptable, response.StatusCode);
        using var answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        Assert.Equal("", answer.RootElement.GetProperty("result").GetString());
        Assert.Contains(field, answer.RootElement.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Empty(host.Grains.Calls);
    }

    [Theory]
    [InlineData("mandelbox_id", 129)]
    [InlineData("mandelbox_id", 10_240)]
    [InlineData("app_name", 201)]
    [InlineData("app_name", 10_240)]
    public async Task An_id_that_is_too_long_reaches_no_grain_and_does_not_come_back_in_the_answer(string field, int length)
    {
        await using var host = await GatewayHost.LocalAsync(Ready());
        var body = Samples.SpinUp();
        body[field] = new string('a', length);

        var response = await host.SpinUpAsync(body);

        Assert.Equal(HttpStatusCode.NotAcceptable, response.StatusCode);
        Assert.True(response.Content.Headers.ContentLength < 300);
        Assert.Empty(host.Grains.Calls);
    }

    [Theory]
    [InlineData("mandelbox_id", 128)]
    [InlineData("app_name", 200)]
    public async Task The_longest_id_is_accepted(string field, int length)
    {
        await using var host = await GatewayHost.LocalAsync(Ready());
        var body = Samples.SpinUp();
        body[field] = new string('a', length);

        Assert.Equal(HttpStatusCode.OK, (await host.SpinUpAsync(body)).StatusCode);
    }

    [Theory]
    [InlineData("\"mandelbox_id\":1")]
    [InlineData("\"mandelbox_id\":[\"box-1\"]")]
    [InlineData("\"mandelbox_id\":{}")]
    [InlineData("\"mandelbox_id\":true")]
    [InlineData("\"mandelbox_id\":\"\\ud800\"")]
    [InlineData("\"session_id\":\"1\"")]
    [InlineData("\"session_id\":-1")]
    [InlineData("\"session_id\":-0")]
    [InlineData("\"session_id\":1.5")]
    [InlineData("\"session_id\":1.0")]
    [InlineData("\"session_id\":1e3")]
    [InlineData("\"session_id\":18446744073709551616")]
    [InlineData("\"session_id\":01")]
    [InlineData("\"session_id\":NaN")]
    [InlineData("\"dpi\":\"96\"")]
    [InlineData("\"dpi\":96.5")]
    [InlineData("\"dpi\":9223372036854775808")]
    [InlineData("\"jwt_access_token\":7")]
    [InlineData("\"app_name\":\"a\",\"app_name\":\"b\"")]
    public async Task A_field_of_the_wrong_type_is_a_malformed_body(string field)
    {
        await using var host = await GatewayHost.LocalAsync(Ready());

        await IsMalformedAsync(host, "{" + field + "}");
    }

    public static TheoryData<string> NotOneObject => new(
        "", " ", "null", "[]", "1", "\"text\"", "{", "}", "{}}", "{} {}", "{},", "{\"a\":1,}", "{a:1}", "{'a':1}", "{\"a\":1}//",
        "\uFEFF{}", "<xml/>", "a=b",
        string.Concat(Enumerable.Repeat("{\"a\":", 100)) + "1" + new string('}', 100));

    [Theory]
    [MemberData(nameof(NotOneObject))]
    public async Task A_body_that_is_not_one_json_object_is_malformed(string body)
    {
        await using var host = await GatewayHost.LocalAsync(Ready());

        await IsMalformedAsync(host, body);
    }

    [Fact]
    public async Task A_body_with_broken_utf8_is_malformed_even_in_a_field_that_nobody_reads()
    {
        await using var host = await GatewayHost.LocalAsync(Ready());
        byte[] body = [.. "{\"x\":\""u8, 0xC3, 0x28, .. "\"}"u8];

        var response = await host.SendContentAsync("PUT", "/spin_up_mandelbox", new ByteArrayContent(body));

        Assert.Equal("Malformed body", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task No_body_at_all_is_malformed()
    {
        await using var host = await GatewayHost.LocalAsync(Ready());

        var response = await host.SendAsync("PUT", "/spin_up_mandelbox");

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("Malformed body", await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData(null)]
    public async Task The_content_type_does_not_matter(string? type)
    {
        await using var host = await GatewayHost.LocalAsync(Ready());
        using var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(Samples.SpinUp()));
        content.Headers.ContentType = type is null ? null : new(type);

        Assert.Equal(HttpStatusCode.OK, (await host.SendContentAsync("PUT", "/spin_up_mandelbox", content)).StatusCode);
    }

    [Fact]
    public async Task A_call_that_outlasts_its_deadline_is_a_406_and_no_500()
    {
        var clock = new ManualClock();
        var waits = clock.TimerSetAsync(TimeSpan.FromMinutes(3));
        var grains = new FakeGrains().Mandelbox<SpinUpAnswer>(
            nameof(IMandelboxGrain.SpinUp), _ => new TaskCompletionSource<SpinUpAnswer>().Task);
        await using var host = await GatewayHost.LocalAsync(grains, clock, ("Gateway:MandelboxTimeout", "00:03:00"));

        var response = host.SpinUpAsync(Samples.SpinUp());
        await waits;
        clock.Advance(TimeSpan.FromSeconds(179));
        Assert.False(response.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(HttpStatusCode.NotAcceptable, (await response).StatusCode);
        Assert.Contains("in time", await (await response).Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_grain_that_fails_is_a_406_that_says_where_to_look_and_tells_no_secret()
    {
        var grains = new FakeGrains().Mandelbox<SpinUpAnswer>(
            nameof(IMandelboxGrain.SpinUp), _ => Task.FromException<SpinUpAnswer>(
                new InvalidOperationException("the secret is 1234567890")));
        await using var host = await GatewayHost.LocalAsync(grains);

        var response = await host.SpinUpAsync(Samples.SpinUp());

        Assert.Equal(HttpStatusCode.NotAcceptable, response.StatusCode);
        Assert.DoesNotContain("1234567890", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fifty_four_spin_ups_do_not_wait_for_each_other()
    {
        const int Many = 54;
        var arrived = 0;
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var grains = new FakeGrains().Mandelbox(nameof(IMandelboxGrain.SpinUp), async _ =>
        {
            if (Interlocked.Increment(ref arrived) == Many)
            {
                all.SetResult();
            }

            await all.Task;
            return Samples.Ready;
        });
        await using var host = await GatewayHost.LocalAsync(grains);

        var responses = await Task.WhenAll(Enumerable.Range(0, Many).Select(i =>
        {
            var body = Samples.SpinUp();
            body["mandelbox_id"] = $"box-{i}";
            return host.SpinUpAsync(body);
        }));

        Assert.All(responses, r => Assert.Equal(HttpStatusCode.OK, r.StatusCode));
        Assert.Equal(Many, host.Grains.Calls.Select(c => c.Key).Distinct().Count());
    }

    private static async Task IsMalformedAsync(GatewayHost host, string body)
    {
        var response = await host.SendContentAsync("PUT", "/spin_up_mandelbox", new ByteArrayContent(Encoding.UTF8.GetBytes(body)));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("text/plain", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal("Malformed body", await response.Content.ReadAsStringAsync());
        Assert.Empty(host.Grains.Calls);
    }
}
