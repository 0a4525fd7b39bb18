using System.Net;
using System.Text;
using System.Text.Json;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>Whatever strangers send to the real server: the contract's answers, no 500, and no container.</summary>
[Collection(EngineCollection.Name)]
public sealed class BadInputTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    private const string SpinUp = "/spin_up_mandelbox";
    private const string Right =
        """{"app_name":"mandelboxes/demo","config_encryption_token":"0123456789","jwt_access_token":"","mandelbox_id":"bad","session_id":1}""";

    private TestService Service => fixture.Service;

    [EngineTheory]
    [InlineData("POST", SpinUp, Right, 400, "Bad request type. Expected PUT, got POST")]
    [InlineData("GET", SpinUp, null, 400, "Bad request type. Expected PUT, got GET")]
    [InlineData("PUT", "/drain_and_shutdown", "{}", 400, "Bad request type. Expected POST, got PUT")]
    [InlineData("PUT", SpinUp, "", 400, "Malformed body")]
    [InlineData("PUT", SpinUp, "[]", 400, "Malformed body")]
    [InlineData("PUT", SpinUp, "{\"mandelbox_id\":", 400, "Malformed body")]
    [InlineData("PUT", SpinUp, "{\"session_id\":\"1\"}", 400, "Malformed body")]
    [InlineData("PUT", SpinUp, "{\"session_id\":-1}", 400, "Malformed body")]
    [InlineData("PUT", SpinUp, "{\"dpi\":1.5}", 400, "Malformed body")]
    [InlineData("POST", "/drain_and_shutdown", "{}", 401, "Unauthorized")]
    [InlineData("POST", "/drain_and_shutdown", "{\"auth_secret\":\"wrong\"}", 401, "Unauthorized")]
    [InlineData("PUT", "/set_container_dpi", "{\"host_port\":1,\"dpi\":1}", 401, "Unauthorized")]
    [InlineData("PUT", "/nowhere", Right, 404, null)]
    [InlineData("PUT", SpinUp + "/", Right, 404, null)]
    public async Task Each_fault_has_the_answer_that_callers_know(string method, string path, string? body, int status, string? text)
    {
        var (got, answer) = await SendAsync(method, path, body is null ? null : Encoding.UTF8.GetBytes(body));

        Assert.Equal(status, (int)got);
        if (text is not null)
        {
            Assert.Equal(text, answer);
        }
    }

    [EngineTheory]
    [InlineData("mandelbox_id", "\"..\"")]
    [InlineData("mandelbox_id", "\"a/../../b\"")]
    [InlineData("mandelbox_id", "\"a\\u0000\"")]
    [InlineData("mandelbox_id", "\"a\\n\"")]
    [InlineData("mandelbox_id", "\"temp\"")]
    [InlineData("mandelbox_id", "\"host-service-warmup\"")]
    [InlineData("mandelbox_id", "null")]
    [InlineData("app_name", "\"../demo\"")]
    [InlineData("app_name", "\"Mandelboxes/demo\"")]
    [InlineData("config_encryption_token", "\"123456789\"")]
    [InlineData("dpi", "0")]
    [InlineData("dpi", "1001")]
    public async Task A_value_that_may_not_be_is_refused_with_the_name_of_its_field(string field, string value)
    {
        var (status, answer) = await SendAsync("PUT", SpinUp, With(field, value));

        Assert.Equal(HttpStatusCode.NotAcceptable, status);
        var refusal = JsonDocument.Parse(answer).RootElement;
        Assert.Equal("", refusal.GetProperty("result").GetString());
        Assert.Contains(field, refusal.GetProperty("error").GetString(), StringComparison.Ordinal);
        await Service.AssertNothingIsLeftAsync();
    }

    [EngineTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_over_a_mebibyte_is_refused_whether_or_not_it_says_so_first(bool chunked)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, SpinUp)
        {
            Content = new ByteArrayContent(
            With("app_name", $"\"{new string('a', 1 << 20)}\""))
        };
        request.Headers.TransferEncodingChunked = chunked;
        // Or the server's answer comes while the client still sends, which tells it of a broken pipe instead.
        request.Headers.ExpectContinue = !chunked;

        using var response = await Service.Process.Http.SendAsync(request);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
    }

    private static byte[] With(string field, string value)
    {
        var fields = JsonDocument.Parse(Right).RootElement.EnumerateObject().Where(p => p.Name != field).Select(
            p => $"\"{p.Name}\":{p.Value.GetRawText()}");
        return Encoding.UTF8.GetBytes($"{{{string.Join(',', fields.Append($"\"{field}\":{value}"))}}}");
    }

    private async Task<(HttpStatusCode Status, string Body)> SendAsync(string method, string path, byte[]? body)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
        }

        using var response = await Service.Process.Http.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
