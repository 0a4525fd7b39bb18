using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary><c>host-service gateway</c>: the gateway as a client of a silo in another process.</summary>
[Collection(EngineCollection.Name)]
public sealed class GatewayCommandTests(EngineFixture engine)
{
    [Fact]
    public async Task Without_a_silo_it_ends_in_time_and_says_so_in_a_line()
    {
        using var directory = new ScratchDirectory();
        var settings = ServiceSettings.Local(new Uri("unix:///nowhere"), directory)
            .With(("Orleans__ExternalClients", "true"), ("Orleans__WaitForSilo", "00:00:04"));

        var (code, output, errors) = await ServiceProcess.CommandAsync(settings.Environment, "gateway");

        Assert.Equal("", output);
        var lines = errors.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(1, code);
        var port = settings.Environment["Orleans__GatewayPort"];
        Assert.Equal(
            [
                $"host-service: waiting for the silo on port {port}, for 4 s at most",
                $"host-service: no silo answered on port {port} of this machine within 4 s: "
                    + "is 'host-service run' up, with Orleans:ExternalClients=true and the same Orleans:GatewayPort?",
            ],
            lines);
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    [InlineData("HUP")]
    [InlineData("QUIT")]
    public async Task A_signal_ends_it_while_it_waits_for_the_silo(string signal)
    {
        using var directory = new ScratchDirectory();
        var settings = ServiceSettings.Local(new Uri("unix:///nowhere"), directory).With(("Orleans__ExternalClients", "true"));
        await using var gateway = await ServiceProcess.LaunchAsync(settings, "gateway");
        var waiting = await gateway.Log.LineAsync("waiting for the silo").WaitAsync(TimeSpan.FromSeconds(60));

        await SignalAsync(gateway, signal);

        Assert.Equal(0, await gateway.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Equal(("", waiting), (gateway.Output.Text, gateway.Log.Text));
    }

    [Fact]
    public async Task It_refuses_to_start_where_the_silo_takes_no_clients()
    {
        using var directory = new ScratchDirectory();
        var settings = ServiceSettings.Local(new Uri("unix:///nowhere"), directory);

        var (code, output, errors) = await ServiceProcess.CommandAsync(settings.Environment, "gateway");

        Assert.Equal((2, ""), (code, output));
        Assert.Equal(
            "host-service: The configuration has 1 fault:\n  Orleans:ExternalClients is false, so 'host-service run' takes no clients from "
                + "other processes; set it to true for both commands.",
            errors.TrimEnd('\n'));
    }

    [Fact]
    public async Task It_serves_callers_for_a_silo_in_another_process()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint, ("Orleans__ExternalClients", "true"));
        using var directory = new ScratchDirectory();
        await using var gateway = await ServiceProcess.LaunchAsync(
            service.Settings.With(("Host__PrivateRoot", directory["private"])),
            "gateway");
        var ready = await gateway.Output.LineAsync("host-service gateway ready on ").WaitAsync(TimeSpan.FromSeconds(60));
        using var http = ServiceProcess.NewClient(
            new Uri($"https://127.0.0.1:{new Uri(ready[ready.IndexOf("https:", StringComparison.Ordinal)..]).Port}"));

        Assert.Equal(
            service.Settings.InstanceName, (string)JsonNode.Parse(await http.GetStringAsync("/v1/host"))!["identity"]!["instanceName"]!);
        var (up, result) = await SendAsync(http, HttpMethod.Put, "/spin_up_mandelbox", TestService.Body("afar"));
        Assert.True(up == HttpStatusCode.OK, $"{result}\n{gateway.Log.Text}");
        Assert.Equal("Running", (string)JsonNode.Parse(await http.GetStringAsync("/v1/mandelboxes/afar"))!["state"]!);
        Assert.Equal((HttpStatusCode.NotAcceptable, true), await RefusedAsync(http));
        await AssertToldAsync(http);

        var (drained, answer) = await SendAsync(
            http,
            HttpMethod.Post,
            "/drain_and_shutdown",
            new JsonObject { ["auth_secret"] = ServiceProcess.Secret, ["force"] = true });
        Assert.Equal((HttpStatusCode.OK, "request successful"), (drained, (string)answer["result"]!));
        Assert.Equal(0, await service.Process.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        await SignalAsync(gateway, "HUP");
        Assert.Equal(0, await gateway.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Equal(ready, gateway.Output.Text);
    }

    /// <summary>Events as they happen, and what a mandelbox writes, come from the silo's process, too.</summary>
    private static async Task AssertToldAsync(HttpClient http)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/events");
        request.Headers.Add("Accept", "text/event-stream");
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var events = new StreamReader(await answer.Content.ReadAsStreamAsync());
        await UntilAsync(events, "running after");
        using var logs = await http.GetAsync("/v1/mandelboxes/afar/logs?follow=true", HttpCompletionOption.ResponseHeadersRead);
        using var written = new StreamReader(await logs.Content.ReadAsStreamAsync());
        await UntilAsync(written, "demo");

        using var stopped = await http.DeleteAsync("/v1/mandelboxes/afar");

        Assert.Equal(HttpStatusCode.NoContent, stopped.StatusCode);
        await UntilAsync(events, "all that it held is given back");
        await written.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(60));
        var story = JsonNode.Parse(await http.GetStringAsync("/v1/mandelboxes/afar/timeline"))!;
        Assert.Equal("Operator", (string)story["mandelbox"]!["endCause"]!);
        Assert.Contains("create", story["steps"]!.AsArray().Select(step => (string)step!["name"]!));
    }

    private static async Task UntilAsync(StreamReader lines, string part)
    {
        while (await lines.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60)) is { } line)
        {
            if (line.Contains(part, StringComparison.Ordinal))
            {
                return;
            }
        }

        Assert.Fail($"the answer ended without '{part}'");
    }

    private static async Task SignalAsync(ServiceProcess process, string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{process.Pid}"]);
        await kill.WaitForExitAsync();
    }

    /// <summary>A failure within the silo comes back as the reason that it is.</summary>
    private static async Task<(HttpStatusCode Status, bool HasReason)> RefusedAsync(HttpClient http)
    {
        var (status, answer) = await SendAsync(
            http, HttpMethod.Put, "/spin_up_mandelbox", TestService.Body("nowhere", "mandelboxes/nowhere"));
        return (status, ((string)answer["error"]!).Contains("mandelboxes/nowhere", StringComparison.Ordinal));
    }

    private static async Task<(HttpStatusCode Status, JsonNode Answer)> SendAsync(
        HttpClient http, HttpMethod method, string path, JsonObject body)
    {
        using var request = new HttpRequestMessage(method, path)
        {
            Content = new StringContent(
            body.ToJsonString(), Encoding.UTF8, "application/json")
        };
        using var response = await http.SendAsync(request);
        return (response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
    }
}
