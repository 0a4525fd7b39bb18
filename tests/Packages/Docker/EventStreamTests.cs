using System.Text;
using System.Threading.Channels;
using Docker.DotNet;
using Docker.DotNet.Models;
using HostService.Tests.Support;

namespace HostService.Tests.Packages.Docker;

public sealed class EventStreamTests
{
    private const string Die = """
        {"status":"die","id":"abc","from":"demo","Type":"container","Action":"die","Actor":{"ID":"abc","Attributes":{"exitCode":"137","name":"one"}},
        "scope":"local","time":1700000000,"timeNano":1700000000123456789}
        """;

    private const string Start = """{"status":"start","id":"def","Type":"container","Action":"start","Actor":{"ID":"def"},"time":1,"timeNano":2}""";

    [Fact]
    public async Task An_event_is_reported_as_soon_as_it_is_sent()
    {
        var script = Channel.CreateUnbounded<string>();
        await using var engine = await Sending(script);
        using var client = new DockerClientConfiguration(engine.Endpoint).CreateClient();
        var seen = new Seen();

        var monitoring = client.System.MonitorEventsAsync(new ContainerEventsParameters(), seen);
        await script.Writer.WriteAsync(Die + "\n");
        var die = await seen.NextAsync();

        Assert.False(monitoring.IsCompleted);
        Assert.Equal(("die", "container", "abc", "137"), (die.Action, die.Type, die.Actor.ID, die.Actor.Attributes["exitCode"]));
        Assert.Equal((1700000000L, 1700000000123456789L), (die.Time, die.TimeNano));
        script.Writer.Complete();
        await monitoring;
    }

    [Fact]
    public async Task Events_arrive_whole_and_in_order_however_they_were_cut()
    {
        var script = Channel.CreateUnbounded<string>();
        await using var engine = await Sending(script);
        using var client = new DockerClientConfiguration(engine.Endpoint).CreateClient();
        var seen = new Seen();

        var monitoring = client.System.MonitorEventsAsync(new ContainerEventsParameters(), seen);
        await script.Writer.WriteAsync(Die + "\n" + Start + "\n" + Die[..40]);
        Assert.Equal("die", (await seen.NextAsync()).Action);
        Assert.Equal("start", (await seen.NextAsync()).Action);
        await script.Writer.WriteAsync(Die[40..] + "\n");
        Assert.Equal("die", (await seen.NextAsync()).Action);
        script.Writer.Complete();
        await monitoring;

        Assert.True(seen.IsEmpty);
    }

    [Fact]
    public async Task Since_and_filters_go_into_the_query()
    {
        var script = Channel.CreateUnbounded<string>();
        script.Writer.Complete();
        await using var engine = await Sending(script);
        using var client = new DockerClientConfiguration(engine.Endpoint).CreateClient(new System.Version(1, 41));

        await client.System.MonitorEventsAsync(
            new ContainerEventsParameters
            {
                Since = "1700000000.000000001",
                Filters = new Dictionary<string, IDictionary<string, bool>> { ["type"] = new Dictionary<string, bool> { ["container"] = true } },
            },
            new Seen());

        Assert.Equal("/v1.41/events", engine.Request.Path);
        Assert.Equal("""?since=1700000000.000000001&filters={"type":{"container":true}}""", engine.Request.Query);
    }

    [Fact]
    public async Task Cancelling_ends_the_watch()
    {
        var script = Channel.CreateUnbounded<string>();
        await using var engine = await Sending(script);
        using var client = new DockerClientConfiguration(engine.Endpoint).CreateClient();
        using var cancel = new CancellationTokenSource();
        var seen = new Seen();

        var monitoring = client.System.MonitorEventsAsync(new ContainerEventsParameters(), seen, cancel.Token);
        await script.Writer.WriteAsync(Start + "\n");
        await seen.NextAsync();
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => monitoring);
    }

    [Fact]
    public async Task A_refused_watch_says_why()
    {
        await using var engine = await LoopbackEngine.AnsweringAsync(400, """{"message":"bad since"}""");
        using var client = new DockerClientConfiguration(engine.Endpoint).CreateClient();

        var error = await Assert.ThrowsAsync<DockerApiException>(
            () => client.System.MonitorEventsAsync(new ContainerEventsParameters(), new Seen()));

        Assert.Contains("bad since", error.ResponseBody, StringComparison.Ordinal);
    }

#pragma warning disable CS0618 // The plain stream is what DockerEngine uses: see there.
    [Fact]
    public async Task The_plain_stream_is_there_once_the_engine_has_accepted_and_brings_what_the_engine_sends()
    {
        var script = Channel.CreateUnbounded<string>();
        await using var engine = await Sending(script);
        using var client = new DockerClientConfiguration(engine.Endpoint).CreateClient();

        await using var stream = await client.System.MonitorEventsAsync(new ContainerEventsParameters(), CancellationToken.None);
        await script.Writer.WriteAsync("one\ntwo\n");
        script.Writer.Complete();
        using var reader = new StreamReader(stream);

        Assert.Equal(("one", "two", null), (await reader.ReadLineAsync(), await reader.ReadLineAsync(), await reader.ReadLineAsync()));
    }
#pragma warning restore CS0618

    private static Task<LoopbackEngine> Sending(Channel<string> script) => LoopbackEngine.StartAsync(async context =>
    {
        context.Response.ContentType = "application/json";
        await context.Response.Body.FlushAsync();
        await foreach (var piece in script.Reader.ReadAllAsync(context.RequestAborted))
        {
            await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(piece));
            await context.Response.Body.FlushAsync();
        }
    });

    private sealed class Seen : IProgress<Message>
    {
        private readonly Channel<Message> _messages = Channel.CreateUnbounded<Message>();

        public bool IsEmpty => _messages.Reader.Count == 0;

        public void Report(Message value) => _messages.Writer.TryWrite(value);

        public async Task<Message> NextAsync() => await _messages.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20));
    }
}
