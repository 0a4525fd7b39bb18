using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Threading.Channels;
using HostService.Gateway.Operator;
using HostService.GrainInterfaces;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Gateway.Operator;

/// <summary><c>/v1/events</c>: the list, and the stream of what happens.</summary>
public sealed class EventTests
{
    private const string Loopback = "127.0.0.1";
    private static readonly TimeSpan WaitTimeout = TimeSpan.FromSeconds(30);

    /// <summary>What the host has in its journal, and the calls that wait for more.</summary>
    private readonly List<HostEvent> _journal = [];
    private readonly Channel<(long After, TaskCompletionSource<IReadOnlyList<HostEvent>> Answer)> _reads =
        Channel.CreateUnbounded<(long, TaskCompletionSource<IReadOnlyList<HostEvent>>)>();
    private readonly ManualClock _clock = new();
    private TaskCompletionSource<IReadOnlyList<HostEvent>> _waiting = new();

    [Fact]
    public async Task The_list_has_the_newest_last_with_names_as_json_has_them()
    {
        var grains = new FakeGrains().Host<IReadOnlyList<HostEvent>>(
            nameof(IHostGrain.ListEvents), call => Task.FromResult<IReadOnlyList<HostEvent>>([Event(call.Argument<int>()), Event(9) with
            {
                Kind = HostEventKind.Mandelbox,
                Severity = EventSeverity.Warning,
                MandelboxId = "m1",
                State = MandelboxState.Dying,
                Cause = EndCause.OutOfMemory,
            }]));
        await using var host = await GatewayHost.LocalAsync(grains);

        using var answer = JsonDocument.Parse(
            await (await host.SendAsync("GET", "/v1/events?limit=7", null, Loopback)).Content.ReadAsStringAsync());

        Assert.Equal([7, 9], answer.RootElement.EnumerateArray().Select(e => e.GetProperty("sequence").GetInt64()));
        var last = answer.RootElement[1];
        Assert.Equal(
            ("Mandelbox", "Warning", "m1", "Dying", "OutOfMemory", "event 9"),
            (Text("kind"), Text("severity"), Text("mandelboxId"), Text("state"), Text("cause"), Text("text")));
        Assert.Equal(Samples.Now, last.GetProperty("at").GetDateTimeOffset());

        string? Text(string name) => last.GetProperty(name).GetString();
    }

    [Theory]
    [InlineData("0")]
    [InlineData("1001")]
    [InlineData("-1")]
    [InlineData("many")]
    public async Task A_list_of_no_length_is_a_400(string limit)
    {
        await using var host = await GatewayHost.LocalAsync();

        using var answer = await host.SendAsync("GET", $"/v1/events?limit={limit}", null, Loopback);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("The limit must be a number from 1 to 1000.", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stream_begins_with_the_last_hundred_and_goes_on_with_each_event()
    {
        Happened(150);
        await using var host = await StartAsync();
        await using var stream = await WatchAsync(host);

        Assert.Equal(Enumerable.Range(51, 100), await stream.ReadAsync(100));
        Assert.Equal(150, (await NextReadAsync()).After);
        Answer(Event(151) with { Kind = HostEventKind.Gpu });

        Assert.Equal(151, (await stream.ReadAsync(1))[0]);
        Assert.Equal(("Gpu", "event 151"), (stream.Kind, stream.Last.GetProperty("text").GetString()));
    }

    [Theory]
    [InlineData("147", 148, 3)]
    [InlineData("0", 1, 150)]
    // Of an earlier run.
    [InlineData("9000", 1, 150)]
    public async Task After_a_break_a_stream_goes_on_where_it_was(string lastEventId, int first, int count)
    {
        Happened(150);
        await using var host = await StartAsync();
        await using var stream = await WatchAsync(host, lastEventId);

        Assert.Equal(Enumerable.Range(first, count), await stream.ReadAsync(count));
    }

    [Theory]
    [InlineData("x")]
    [InlineData("-1")]
    [InlineData("99999999999999999999")]
    public async Task A_last_event_that_is_none_is_a_400(string lastEventId)
    {
        await using var host = await StartAsync();

        using var answer = await SendAsync(host, lastEventId);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task All_who_watch_share_one_reader_which_ends_with_the_last_of_them()
    {
        Happened(3);
        await using var host = await StartAsync();
        await using (var first = await WatchAsync(host))
        await using (var second = await WatchAsync(host, "2"))
        {
            Assert.Equal([1, 2, 3], await first.ReadAsync(3));
            Assert.Equal([3], await second.ReadAsync(1));
            await NextReadAsync();
            Answer(Event(4));
            Assert.Equal([4], await first.ReadAsync(1));
            Assert.Equal([4], await second.ReadAsync(1));
        }

        // The call that waits is given up; whoever comes then gets what happened meanwhile.
        var waiting = (await NextReadAsync()).Answer.Task;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WaitAsync(WaitTimeout));
        Assert.Equal([0L, 3, 4], host.Grains.CallsOf(nameof(IHostGrain.ReadEvents)).Select(call => call.Argument<long>()));
        _journal.Add(Event(5));
        await using var third = await WatchAsync(host, "4");
        Assert.Equal([5], await third.ReadAsync(1));
    }

    [Fact]
    public async Task More_than_twenty_may_not_watch_until_one_has_left()
    {
        Happened(1);
        await using var host = await StartAsync();
        var streams = new List<EventReader>();
        for (var i = 0; i < EventFeed.MostViewers; i++)
        {
            streams.Add(await WatchAsync(host));
        }

        using (var refused = await SendAsync(host))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.Equal("application/problem+json", refused.Content.Headers.ContentType!.MediaType);
        }

        await streams[0].DisposeAsync();
        EventReader? late = null;
        while (late is null)
        {
            var answer = await SendAsync(host);
            late = answer.StatusCode == HttpStatusCode.OK ? await EventReader.OfAsync(answer) : null;
        }

        Assert.Equal([1], await late.ReadAsync(1));
        foreach (var stream in streams.Append(late))
        {
            await stream.DisposeAsync();
        }
    }

    [Fact]
    public async Task One_who_does_not_read_is_dropped_and_the_others_go_on()
    {
        await using var host = await StartAsync();
        var feed = host.Services.GetRequiredService<EventFeed>();
        using var slow = feed.TryWatch(null)!;
        await using var other = await WatchAsync(host);
        var dropped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = slow.Dropped.Register(dropped.SetResult);
        const int Most = HostEvents.Kept + EventFeed.Viewer.MostWaiting;
        await NextReadAsync();
        for (var i = 1; i <= Most + 1; i++)
        {
            Assert.False(slow.Dropped.IsCancellationRequested);
            Answer(Event(i));
            Assert.Equal([i], await other.ReadAsync(1));
            await NextReadAsync();
        }

        await dropped.Task.WaitAsync(WaitTimeout);
        Answer(Event(Most + 2));
        Assert.Equal([Most + 2], await other.ReadAsync(1));
    }

    [Fact]
    public async Task A_stream_in_which_nothing_happens_has_a_comment_every_fifteen_seconds()
    {
        await using var host = await StartAsync();
        await using var stream = await WatchAsync(host);
        await _clock.TimerSetAsync(TimeSpan.FromSeconds(15));

        _clock.Advance(TimeSpan.FromSeconds(15));

        Assert.Equal(":", await stream.LineAsync());
    }

    [Fact]
    public async Task A_host_that_does_not_answer_is_asked_again_and_one_that_has_started_anew_is_read_from_its_beginning()
    {
        Happened(5);
        await using var host = await StartAsync();
        await using var stream = await WatchAsync(host);
        Assert.Equal([1, 2, 3, 4, 5], await stream.ReadAsync(5));
        var waits = _clock.TimerSetAsync(TimeSpan.FromSeconds(1));
        (await NextReadAsync()).Answer.SetException(new TimeoutException("the silo is away"));
        await waits;

        _journal.Clear();
        _journal.Add(Event(1) with { Text = "anew" });
        _clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal([1], await stream.ReadAsync(1));
        Assert.Equal("anew", stream.Last.GetProperty("text").GetString());
    }

    [Fact]
    public async Task A_stream_is_no_slow_request_and_ends_when_the_server_stops()
    {
        Happened(1);
        var server = await GatewayServer.StartAsync(Grains());
        using var client = server.Client(GatewayServer.Operator);
        await using var stream = await EventReader.OfAsync(await client.SendAsync(Request(null), HttpCompletionOption.ResponseHeadersRead));
        Assert.Equal([1], await stream.ReadAsync(1));
        Assert.Equal("text/event-stream", stream.Answer.Content.Headers.ContentType!.MediaType);

        await server.StopServerAsync().WaitAsync(WaitTimeout);

        Assert.Null(await stream.LineAsync());
        await server.DisposeAsync();
    }

    [Fact]
    public async Task A_stream_that_has_ended_is_not_among_the_durations_of_requests()
    {
        Happened(1);
        await using var host = await GatewayHost.LocalAsync(Grains().Host<IReadOnlyList<HostEvent>>(nameof(IHostGrain.ListEvents), []));
        await using (var stream = await WatchAsync(host))
        {
            await stream.ReadAsync(1);
        }

        // Counted after it, so that the stream would have been counted by then.
        await host.SendAsync("GET", "/v1/events", null, Loopback);
        using var late = new CancellationTokenSource(WaitTimeout);
        IReadOnlyList<string> counts;
        do
        {
            late.Token.ThrowIfCancellationRequested();
            var metrics = await (await host.SendAsync("GET", "/metrics", null, Loopback)).Content.ReadAsStringAsync();
            counts =
            [
                .. metrics.Split('\n').Where(line => line.StartsWith("http_server_request_duration_seconds_count{", StringComparison.Ordinal)
                    && line.Contains("/v1/events", StringComparison.Ordinal)),
            ];
        }
        while (counts.Count == 0);

        Assert.EndsWith(" 1", Assert.Single(counts), StringComparison.Ordinal);
    }

    private static HostEvent Event(int sequence) => new()
    {
        Sequence = sequence,
        At = Samples.Now,
        Severity = EventSeverity.Information,
        Kind = HostEventKind.Host,
        Text = $"event {sequence}",
    };

    private void Happened(int count) => _journal.AddRange(Enumerable.Range(1, count).Select(Event));

    /// <summary>Answers at once where there is something, as the host does, and otherwise when the test says.</summary>
    private FakeGrains Grains() => new FakeGrains().Host<IReadOnlyList<HostEvent>>(nameof(IHostGrain.ReadEvents), async call =>
    {
        var after = call.Argument<long>();
        var found = HostEvents.After([.. _journal], after).ToArray();
        if (found.Length > 0)
        {
            return found;
        }

        var answer = new TaskCompletionSource<IReadOnlyList<HostEvent>>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var cancelled = call.Argument<CancellationToken>().Register(() => answer.TrySetCanceled());
        await _reads.Writer.WriteAsync((after, answer));
        return await answer.Task;
    });

    private Task<GatewayHost> StartAsync() => GatewayHost.LocalAsync(Grains(), _clock);

    private async Task<(long After, TaskCompletionSource<IReadOnlyList<HostEvent>> Answer)> NextReadAsync()
    {
        var read = await _reads.Reader.ReadAsync().AsTask().WaitAsync(WaitTimeout);
        _waiting = read.Answer;
        return read;
    }

    private void Answer(HostEvent happened)
    {
        _journal.Add(happened);
        _waiting.SetResult([happened]);
    }

    private static HttpRequestMessage Request(string? lastEventId)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/v1/events");
        request.Headers.Add("Accept", "text/event-stream");
        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        return request;
    }

    private static Task<HttpResponseMessage> SendAsync(GatewayHost host, string? lastEventId = null) =>
        host.SendFromLoopbackAsync(Request(lastEventId));

    private static async Task<EventReader> WatchAsync(GatewayHost host, string? lastEventId = null)
    {
        var answer = await SendAsync(host, lastEventId);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await EventReader.OfAsync(answer);
    }

    /// <summary>Reads server-sent events, as a browser does.</summary>
    private sealed class EventReader(HttpResponseMessage answer, StreamReader lines) : IAsyncDisposable
    {
        public HttpResponseMessage Answer => answer;

        public string Kind { get; private set; } = "";

        public JsonElement Last { get; private set; }

        /// <summary>Reads up to the first comment.</summary>
        public static async Task<EventReader> OfAsync(HttpResponseMessage answer)
        {
            var reader = new EventReader(answer, new StreamReader(await answer.Content.ReadAsStreamAsync()));
            Assert.StartsWith(":", await reader.LineAsync(), StringComparison.Ordinal);
            Assert.Equal("", await reader.LineAsync());
            return reader;
        }

        public async Task<string?> LineAsync() => await lines.ReadLineAsync().WaitAsync(WaitTimeout);

        /// <summary>The numbers of the next events.</summary>
        public async Task<IReadOnlyList<int>> ReadAsync(int count)
        {
            var numbers = new List<int>();
            while (numbers.Count < count)
            {
                var id = await LineAsync();
                Assert.StartsWith("id: ", id, StringComparison.Ordinal);
                Kind = (await LineAsync())!["event: ".Length..];
                using var data = JsonDocument.Parse((await LineAsync())!["data: ".Length..]);
                Last = data.RootElement.Clone();
                Assert.Equal("", await LineAsync());
                Assert.Equal(id!["id: ".Length..], Last.GetProperty("sequence").GetInt64().ToString(CultureInfo.InvariantCulture));
                numbers.Add(int.Parse(id["id: ".Length..], CultureInfo.InvariantCulture));
            }

            return numbers;
        }

        public ValueTask DisposeAsync()
        {
            lines.Dispose();
            answer.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
