using System.Net;
using System.Text;
using System.Text.Json;
using HostService.GrainInterfaces;
using HostService.Tests.Gateway.Fakes;

namespace HostService.Tests.Gateway.Operator;

/// <summary>The life of one mandelbox, for operators.</summary>
public sealed class DiagnosticsTests
{
    private const string Loopback = "127.0.0.1";

    private static readonly TimelineStep[] Steps =
    [
        new("lease", Undo: false, Samples.Now, Milliseconds: 0.4f),
        new("create", Undo: false, Samples.Now.AddSeconds(1), Milliseconds: 380, Failure: "the name is taken"),
        new("create", Undo: true, Samples.Now.AddSeconds(2)),
    ];

    [Fact]
    public async Task A_mandelbox_that_lives_is_told_with_its_steps_and_events()
    {
        await using var host = await GatewayHost.LocalAsync(Grains(
            living: new MandelboxTimeline(Samples.Mandelbox(), Steps), events: [Event(4, MandelboxState.Running)]));

        using var diagnostics = await StoryAsync(host, "box-1");

        Assert.Equal("box-1", diagnostics.RootElement.GetProperty("mandelbox").GetProperty("mandelboxId").GetString());
        var steps = diagnostics.RootElement.GetProperty("steps");
        Assert.Equal(["lease", "create", "create"], steps.EnumerateArray().Select(s => s.GetProperty("name").GetString()));
        Assert.Equal((0.4, JsonValueKind.Null), (steps[0].GetProperty("milliseconds").GetDouble(), steps[0].GetProperty("failure").ValueKind));
        Assert.Equal("the name is taken", steps[1].GetProperty("failure").GetString());
        Assert.Equal(
            (true, JsonValueKind.Null, Samples.Now.AddSeconds(2)),
            (steps[2].GetProperty("undo").GetBoolean(), steps[2].GetProperty("milliseconds").ValueKind,
                steps[2].GetProperty("startedAt").GetDateTimeOffset()));
        Assert.Equal([4], Sequences(diagnostics));
        Assert.Empty(host.Grains.CallsOf(nameof(IHostGrain.FindEnded)));
    }

    [Fact]
    public async Task One_that_has_gone_is_told_too_without_the_events_of_those_before_it()
    {
        await using var host = await GatewayHost.LocalAsync(Grains(
            gone: new MandelboxTimeline(Samples.Mandelbox(state: MandelboxState.Gone), Steps),
            events: [Event(1, MandelboxState.Running), Event(2, MandelboxState.Gone), Event(3), Event(4, MandelboxState.Gone)]));

        using var diagnostics = await StoryAsync(host, "box-1");

        Assert.Equal("Gone", diagnostics.RootElement.GetProperty("mandelbox").GetProperty("state").GetString());
        Assert.Equal([3, 4], Sequences(diagnostics));
    }

    [Fact]
    public async Task One_that_lives_again_has_its_own_events_only()
    {
        await using var host = await GatewayHost.LocalAsync(Grains(
            living: new MandelboxTimeline(Samples.Mandelbox(), Steps),
            events: [Event(1, MandelboxState.Running), Event(2, MandelboxState.Gone), Event(3, MandelboxState.Allocated)]));

        using var diagnostics = await StoryAsync(host, "box-1");

        Assert.Equal([3], Sequences(diagnostics));
    }

    [Theory]
    [InlineData("box-2", HttpStatusCode.NotFound)]
    [InlineData("host-service-warmup", HttpStatusCode.NotFound)]
    [InlineData("-", HttpStatusCode.BadRequest)]
    public async Task One_that_never_was_is_a_404_and_a_bad_id_a_400(string id, HttpStatusCode status)
    {
        await using var host = await GatewayHost.LocalAsync(Grains());

        using var answer = await host.SendAsync("GET", $"/v1/mandelboxes/{id}/timeline", null, Loopback);

        Assert.Equal((status, "application/problem+json"), (answer.StatusCode, answer.Content.Headers.ContentType!.MediaType));
    }

    [Fact]
    public async Task Logs_are_text_as_it_was_written_of_as_many_lines_as_were_asked_for()
    {
        await using var host = await GatewayHost.LocalAsync(Grains(living: new MandelboxTimeline(Samples.Mandelbox(), [])).Logs(
            call => Pieces($"{call.Argument<int>()} lines, {call.Argument<bool>()} of {call.Key}\n", "\u00e4\n")));

        using var usual = await host.SendAsync("GET", "/v1/mandelboxes/box-1/logs", null, Loopback);
        using var more = await host.SendAsync("GET", "/v1/mandelboxes/box-1/logs?tail=5000&follow=true", null, Loopback);

        Assert.Equal("text/plain; charset=utf-8", usual.Content.Headers.ContentType!.ToString());
        Assert.Equal("nosniff", usual.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal("200 lines, False of box-1\n\u00e4\n", await usual.Content.ReadAsStringAsync());
        Assert.Equal("5000 lines, True of box-1\n\u00e4\n", await more.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("box-2/logs", HttpStatusCode.NotFound)]
    [InlineData("-/logs", HttpStatusCode.BadRequest)]
    [InlineData("box-1/logs?tail=0", HttpStatusCode.BadRequest)]
    [InlineData("box-1/logs?tail=5001", HttpStatusCode.BadRequest)]
    [InlineData("box-1/logs?tail=all", HttpStatusCode.BadRequest)]
    [InlineData("box-1/logs?follow=perhaps", HttpStatusCode.BadRequest)]
    public async Task Logs_of_none_are_a_404_and_a_bad_question_a_400(string path, HttpStatusCode status)
    {
        await using var host = await GatewayHost.LocalAsync(Grains());

        using var answer = await host.SendAsync("GET", $"/v1/mandelboxes/{path}", null, Loopback);

        Assert.Equal((status, "application/problem+json"), (answer.StatusCode, answer.Content.Headers.ContentType!.MediaType));
    }

    [Fact]
    public async Task Logs_that_cannot_be_read_are_a_500_and_those_that_break_off_are_cut_off()
    {
        await using var host = await GatewayHost.LocalAsync(Grains(living: new MandelboxTimeline(Samples.Mandelbox(), [])).Logs(
            call => Broken(call.Argument<int>() == 1 ? ["begun"] : [])));

        using var none = await host.SendAsync("GET", "/v1/mandelboxes/box-1/logs", null, Loopback);

        Assert.Equal(HttpStatusCode.InternalServerError, none.StatusCode);
        await Assert.ThrowsAnyAsync<Exception>(async () =>
            await (await host.SendAsync("GET", "/v1/mandelboxes/box-1/logs?tail=1", null, Loopback)).Content.ReadAsStringAsync());
    }

    private static async IAsyncEnumerable<byte[]> Pieces(params string[] pieces)
    {
        foreach (var piece in pieces)
        {
            await Task.Yield();
            yield return Encoding.UTF8.GetBytes(piece);
        }
    }

    private static async IAsyncEnumerable<byte[]> Broken(params string[] pieces)
    {
        await foreach (var piece in Pieces(pieces))
        {
            yield return piece;
        }

        throw new InvalidOperationException("the engine is away");
    }

    private static HostEvent Event(int sequence, MandelboxState? state = null) => new()
    {
        Sequence = sequence,
        At = Samples.Now,
        Severity = EventSeverity.Information,
        Kind = HostEventKind.Mandelbox,
        MandelboxId = "box-1",
        Text = $"event {sequence}",
        State = state,
    };

    private static FakeGrains Grains(
        MandelboxTimeline? living = null, MandelboxTimeline? gone = null, IReadOnlyList<HostEvent>? events = null) => new FakeGrains()
        .Mandelbox(nameof(IMandelboxGrain.DescribeSteps), living)
        .Host(nameof(IHostGrain.FindEnded), gone)
        .Host(nameof(IHostGrain.ListEvents), events ?? []);

    private static IEnumerable<long> Sequences(JsonDocument diagnostics) =>
        diagnostics.RootElement.GetProperty("events").EnumerateArray().Select(e => e.GetProperty("sequence").GetInt64());

    private static async Task<JsonDocument> StoryAsync(GatewayHost host, string id)
    {
        using var answer = await host.SendAsync("GET", $"/v1/mandelboxes/{id}/timeline", null, Loopback);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
    }
}
