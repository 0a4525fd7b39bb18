using System.Net;
using System.Text.Json;
using HostService.GrainInterfaces;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Support;

namespace HostService.Tests.Gateway.Operator;

public sealed class OperatorTests
{
    private const string Loopback = "127.0.0.1";

    [Fact]
    public async Task The_host_describes_itself_with_names_as_json_has_them()
    {
        await using var host = await GatewayHost.LocalAsync(new FakeGrains().Host(nameof(IHostGrain.Describe), Samples.Host()));

        using var answer = await JsonAsync(await host.SendAsync("GET", "/v1/host", null, Loopback), HttpStatusCode.OK);

        var root = answer.RootElement;
        Assert.Equal("Active", root.GetProperty("status").GetString());
        Assert.Equal(GatewayHost.InstanceName, root.GetProperty("identity").GetProperty("instanceName").GetString());
        Assert.Equal(52, root.GetProperty("ttys").GetProperty("free").GetInt32());
        Assert.Equal("XID 79", root.GetProperty("gpus")[1].GetProperty("unhealthy").GetString());
        Assert.Equal(12.5, root.GetProperty("metrics").GetProperty("cpuPercent").GetDouble());
    }

    [Fact]
    public async Task The_list_has_the_oldest_mandelbox_first()
    {
        IReadOnlyList<MandelboxDescription> list = [Samples.Mandelbox("young", age: 1), Samples.Mandelbox(
            "old", MandelboxState.Dying, 100)];
        await using var host = await GatewayHost.LocalAsync(new FakeGrains().Host(nameof(IHostGrain.ListMandelboxes), list));

        using var answer = await JsonAsync(await host.SendAsync("GET", "/v1/mandelboxes", null, Loopback), HttpStatusCode.OK);

        Assert.Equal(["old", "young"], answer.RootElement.EnumerateArray().Select(m => m.GetProperty("mandelboxId").GetString()));
        Assert.Equal("Dying", answer.RootElement[0].GetProperty("state").GetString());
        Assert.Equal(ulong.MaxValue, answer.RootElement[0].GetProperty("sessionId").GetUInt64());
        Assert.Equal("Tcp", answer.RootElement[0].GetProperty("lease").GetProperty("ports")[0].GetProperty("transport").GetString());
    }

    [Fact]
    public async Task One_mandelbox_is_shown_and_one_that_is_not_there_is_a_404()
    {
        var grains = new FakeGrains().Mandelbox(
            nameof(IMandelboxGrain.Describe), call => Task.FromResult(call.Key == "box-1" ? Samples.Mandelbox() : null));
        await using var host = await GatewayHost.LocalAsync(grains);

        using var one = await JsonAsync(await host.SendAsync("GET", "/v1/mandelboxes/box-1", null, Loopback), HttpStatusCode.OK);
        Assert.Equal("box-1", one.RootElement.GetProperty("mandelboxId").GetString());
        await IsProblemAsync(await host.SendAsync("GET", "/v1/mandelboxes/box-2", null, Loopback), HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_mandelbox_is_stopped_once_and_then_it_is_not_there()
    {
        var there = true;
        var grains = new FakeGrains().Mandelbox(nameof(IMandelboxGrain.Stop), _ => Task.FromResult(Interlocked.Exchange(ref there, false)));
        await using var host = await GatewayHost.LocalAsync(grains);

        Assert.Equal(HttpStatusCode.NoContent, (await host.SendAsync("DELETE", "/v1/mandelboxes/box-1", null, Loopback)).StatusCode);
        await IsProblemAsync(await host.SendAsync("DELETE", "/v1/mandelboxes/box-1", null, Loopback), HttpStatusCode.NotFound);
        Assert.All(grains.Calls, c => Assert.Equal("box-1", c.Key));
    }

    [Fact]
    public async Task The_doctors_report_has_each_check_and_each_difference()
    {
        var report = new DoctorReport(
            [new DoctorCheck("engine", CheckOutcome.Failed, "no answer within 2 s", "look at it")],
            [new Difference(DifferenceKind.Lease, "m1", "a lease", "belongs to no mandelbox", DateTimeOffset.UnixEpoch)]);
        await using var host = await GatewayHost.LocalAsync(new FakeGrains().Doctor(report));

        using var answer = await JsonAsync(await host.SendAsync("GET", "/v1/doctor", null, Loopback), HttpStatusCode.OK);

        var check = answer.RootElement.GetProperty("checks")[0];
        Assert.Equal(
            ("engine", "Failed", "no answer within 2 s", "look at it"),
            (check.GetProperty("name").GetString(), check.GetProperty("outcome").GetString(), check.GetProperty("detail").GetString(),
                check.GetProperty("advice").GetString()));
        var difference = answer.RootElement.GetProperty("differences")[0];
        Assert.Equal(("Lease", "m1"), (difference.GetProperty("kind").GetString(), difference.GetProperty("mandelboxId").GetString()));
        Assert.Equal(GatewayHost.InstanceName, Assert.Single(host.Grains.Calls).Key);
    }

    [Theory]
    [InlineData("", 1000)]
    [InlineData("?limit=20", 20)]
    public async Task The_history_is_as_long_as_asked_for_and_kept(string query, int limit)
    {
        var grains = new FakeGrains().Host<IReadOnlyList<MandelboxDescription>>(
            nameof(IHostGrain.ListEnded), call => Task.FromResult<IReadOnlyList<MandelboxDescription>>([Samples.Mandelbox() with
            {
                EndCause = EndCause.OutOfMemory,
                EndReason = $"{call.Argument<int>()}",
            }]));
        await using var host = await GatewayHost.LocalAsync(grains);

        using var answer = await JsonAsync(await host.SendAsync("GET", $"/v1/history{query}", null, Loopback), HttpStatusCode.OK);

        Assert.Equal("OutOfMemory", answer.RootElement[0].GetProperty("endCause").GetString());
        Assert.Equal($"{limit}", answer.RootElement[0].GetProperty("endReason").GetString());
    }

    [Theory]
    [InlineData("0")]
    [InlineData("1001")]
    [InlineData("many")]
    [InlineData("")]
    public async Task A_history_of_no_length_is_a_400_that_says_how_long_it_may_be(string limit)
    {
        await using var host = await GatewayHost.LocalAsync();
        using var answer = await JsonAsync(await host.SendAsync("GET", $"/v1/history?limit={limit}", null, Loopback), HttpStatusCode.BadRequest);
        Assert.Equal("The limit must be a number from 1 to 1000.", answer.RootElement.GetProperty("detail").GetString());
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("?force=false", false)]
    [InlineData("?force=true", true)]
    public async Task A_drain_begins_after_its_answer_and_with_force_it_is_a_stop(string query, bool isForced)
    {
        await using var host = await GatewayHost.LocalAsync();

        Assert.Equal(HttpStatusCode.Accepted, (await host.SendAsync("POST", $"/v1/host/drain{query}", null, Loopback)).StatusCode);

        var (reason, force) = await host.Shutdown.Requested;
        Assert.Equal(isForced, force);
        Assert.StartsWith("an operator asked for a ", reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_drain_that_nobody_understands_is_a_400()
    {
        await using var host = await GatewayHost.LocalAsync();
        using var answer = await JsonAsync(await host.SendAsync("POST", "/v1/host/drain?force=1", null, Loopback), HttpStatusCode.BadRequest);
        Assert.Equal("The value of force must be true or false.", answer.RootElement.GetProperty("detail").GetString());
        Assert.False(host.Shutdown.Requested.IsCompleted);
    }

    [Fact]
    public async Task Leases_are_listed_with_their_owners()
    {
        IReadOnlyList<Lease> leases = [Samples.Mandelbox().Lease!];
        await using var host = await GatewayHost.LocalAsync(new FakeGrains().Host(nameof(IHostGrain.ListLeases), leases));

        using var answer = await JsonAsync(await host.SendAsync("GET", "/v1/leases", null, Loopback), HttpStatusCode.OK);

        Assert.Equal(
            ("box-1", 10), (answer.RootElement[0].GetProperty("mandelboxId").GetString(), answer.RootElement[0].GetProperty("tty").GetInt32()));
    }

    [Fact]
    public async Task A_drain_is_cancelled_once_and_a_refusal_says_why()
    {
        var draining = true;
        var grains = new FakeGrains().Host<string?>(
            nameof(IHostGrain.CancelDrain), _ => Task.FromResult(Interlocked.Exchange(ref draining, false) ? null : "this host is not draining"));
        await using var host = await GatewayHost.LocalAsync(grains);

        Assert.Equal(HttpStatusCode.NoContent, (await host.SendAsync("DELETE", "/v1/host/drain", null, Loopback)).StatusCode);
        using var refused = await JsonAsync(await host.SendAsync("DELETE", "/v1/host/drain", null, Loopback), HttpStatusCode.Conflict);
        Assert.Equal("this host is not draining.", refused.RootElement.GetProperty("detail").GetString());
    }

    [Fact]
    public async Task A_restart_begins_once_it_costs_no_user_anything_and_a_refusal_says_what()
    {
        var refusal = (string?)"mandelbox m1 cannot go on without the service";
        var grains = new FakeGrains().Host<string?>(
            nameof(IHostGrain.RequestRestart), _ => Task.FromResult(Interlocked.Exchange(ref refusal, null)));
        await using var host = await GatewayHost.LocalAsync(grains);

        using var refused = await JsonAsync(await host.SendAsync("POST", "/v1/host/restart", null, Loopback), HttpStatusCode.Conflict);
        Assert.Equal("mandelbox m1 cannot go on without the service.", refused.RootElement.GetProperty("detail").GetString());
        Assert.Equal(HttpStatusCode.Accepted, (await host.SendAsync("POST", "/v1/host/restart", null, Loopback)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await host.SendAsync("POST", "/v1/host/restart", null)).StatusCode);
        Assert.Equal(2, grains.CallsOf(nameof(IHostGrain.RequestRestart)).Count());
    }

    [Theory]
    [InlineData("..%2f..%2fetc")]
    [InlineData("%2e%2e%2fx")]
    [InlineData("a%01")]
    [InlineData("a%0a")]
    [InlineData("a.b")]
    [InlineData("%ff%fe")]
    public async Task A_bad_id_is_a_400_and_reaches_no_grain(string id)
    {
        await using var host = await GatewayHost.LocalAsync();

        foreach (var method in new[] { "GET", "DELETE" })
        {
            await IsProblemAsync(await host.SendAsync(method, $"/v1/mandelboxes/{id}", null, Loopback), HttpStatusCode.BadRequest);
        }

        await IsProblemAsync(
            await host.SendAsync("GET", "/v1/mandelboxes/" + new string('a', 8000), null, Loopback), HttpStatusCode.BadRequest);
        Assert.Empty(host.Grains.Calls);
    }

    [Theory]
    [InlineData("POST", "/v1/host", "GET, HEAD")]
    [InlineData("GET", "/v1/host/drain", "POST, DELETE")]
    [InlineData("GET", "/v1/host/restart", "POST")]
    [InlineData("DELETE", "/v1/mandelboxes", "GET, HEAD")]
    [InlineData("PUT", "/v1/mandelboxes/box-1", "GET, HEAD, DELETE")]
    public async Task Another_method_is_a_405_that_names_the_ones_there_are(string method, string path, string allow)
    {
        await using var host = await GatewayHost.LocalAsync();

        var response = await host.SendAsync(method, path, null, Loopback);

        await IsProblemAsync(response, HttpStatusCode.MethodNotAllowed);
        Assert.Equal(allow, string.Join(", ", response.Content.Headers.Allow));
    }

    [Theory]
    [InlineData("/v1/nothing")]
    [InlineData("/v1/")]
    [InlineData("/v1/host/more")]
    public async Task An_unknown_path_of_the_operators_side_is_a_404_as_problem_details(string path)
    {
        await using var host = await GatewayHost.LocalAsync();

        await IsProblemAsync(await host.SendAsync("GET", path, null, Loopback), HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_grain_that_does_not_answer_is_a_504_and_one_that_fails_a_500_without_its_secrets()
    {
        var grains = new FakeGrains()
            .Host<HostDescription>(
                nameof(IHostGrain.Describe), _ => Task.FromException<HostDescription>(new TimeoutException("no answer within 30 s")))
            .Host<IReadOnlyList<MandelboxDescription>>(
                nameof(IHostGrain.ListMandelboxes), _ => throw new InvalidOperationException("secret"));
        await using var host = await GatewayHost.LocalAsync(grains);

        await IsProblemAsync(await host.SendAsync("GET", "/v1/host", null, Loopback), HttpStatusCode.GatewayTimeout);
        var failed = await host.SendAsync("GET", "/v1/mandelboxes", null, Loopback);
        await IsProblemAsync(failed, HttpStatusCode.InternalServerError);
        Assert.DoesNotContain("secret", await failed.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_asks_no_grain()
    {
        await using var host = await GatewayHost.LocalAsync();

        using var answer = await JsonAsync(await host.SendAsync("GET", "/healthz", null, Loopback), HttpStatusCode.OK);

        Assert.Equal("alive", answer.RootElement.GetProperty("status").GetString());
        Assert.Empty(host.Grains.Calls);
    }

    [Fact]
    public async Task Ready_means_active_with_nothing_amiss()
    {
        var now = Samples.Host();
        await using var host = await GatewayHost.LocalAsync(new FakeGrains().Host(nameof(IHostGrain.Describe), _ => Task.FromResult(now)));
        using var ready = await JsonAsync(await host.SendAsync("GET", "/readyz", null, Loopback), HttpStatusCode.OK);
        Assert.Equal("ready", ready.RootElement.GetProperty("status").GetString());

        now = Samples.Host(HostStatus.Draining, "The engine cannot be reached.");
        using var not = await JsonAsync(await host.SendAsync("GET", "/readyz", null, Loopback), HttpStatusCode.ServiceUnavailable);
        Assert.Equal(["The host is draining.", "The engine cannot be reached."], not.RootElement.GetProperty("reasons").EnumerateArray().Select(r => r.GetString()));

        foreach (
            var other in new[] { Samples.Host(HostStatus.Starting), Samples.Host(HostStatus.Closed), Samples.Host(HostStatus.Active, "x") })
        {
            now = other;
            await IsProblemAsync(await host.SendAsync("GET", "/readyz", null, Loopback), HttpStatusCode.ServiceUnavailable);
        }
    }

    [Fact]
    public async Task A_host_grain_that_does_not_answer_is_not_ready()
    {
        var clock = new ManualClock();
        var grains = new FakeGrains().Host<HostDescription>(
            nameof(IHostGrain.Describe), _ => new TaskCompletionSource<HostDescription>().Task);
        await using var host = await GatewayHost.LocalAsync(grains, clock);
        var waits = clock.TimerSetAsync(TimeSpan.FromSeconds(5));

        var response = host.SendAsync("GET", "/readyz", null, Loopback);
        await waits;
        clock.Advance(TimeSpan.FromSeconds(5));

        await IsProblemAsync(await response, HttpStatusCode.ServiceUnavailable);
    }

    private static async Task<JsonDocument> JsonAsync(HttpResponseMessage response, HttpStatusCode status)
    {
        Assert.Equal(status, response.StatusCode);
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync());
    }

    private static async Task IsProblemAsync(HttpResponseMessage response, HttpStatusCode status)
    {
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        using var problem = await JsonAsync(response, status);
        Assert.Equal((int)status, problem.RootElement.GetProperty("status").GetInt32());
        Assert.NotEqual("", problem.RootElement.GetProperty("detail").GetString());
    }
}
