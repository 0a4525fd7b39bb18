using System.Reflection;
using System.Text.Json;
using Sentry;

namespace HostService.Tests.Packages.Sentry;

public sealed class EventTests : SentryTest
{
    [Fact]
    public async Task An_exception_arrives_whole_in_an_envelope()
    {
        Init(options =>
        {
            options.Environment = "staging";
            options.Release = "host-service@1.2.3";
            options.ServerName = "host-1";
        });

        var id = SentrySdk.CaptureException(Thrown(new InvalidOperationException("the engine is away")));

        var envelope = await Server.NextAsync();
        Assert.Equal("/some/path/api/42/envelope/", envelope.Path);
        Assert.StartsWith($"Sentry sentry_version=7,sentry_client=sentry.dotnet/{Version}", envelope.Auth, StringComparison.Ordinal);
        Assert.Contains("sentry_key=thepublickey", envelope.Auth, StringComparison.Ordinal);
        Assert.Equal(id.ToString(), envelope.Header.GetProperty("event_id").GetString());
        Assert.True(envelope.Header.TryGetProperty("sent_at", out _));

        var sent = envelope.Items.Single(item => item.Type == "event").Payload;
        Assert.Equal(id.ToString(), sent.GetProperty("event_id").GetString());
        Assert.Equal("csharp", sent.GetProperty("platform").GetString());
        Assert.Equal("error", sent.GetProperty("level").GetString());
        Assert.Equal("staging", sent.GetProperty("environment").GetString());
        Assert.Equal("host-service@1.2.3", sent.GetProperty("release").GetString());
        Assert.Equal("host-1", sent.GetProperty("server_name").GetString());

        var exception = Assert.Single(Exceptions(sent));
        Assert.Equal(typeof(InvalidOperationException).FullName, exception.GetProperty("type").GetString());
        Assert.Equal("the engine is away", exception.GetProperty("value").GetString());
        var frames = exception.GetProperty("stacktrace").GetProperty("frames").EnumerateArray().ToArray();
        Assert.Contains(frames, frame => frame.GetProperty("function").GetString()!.Contains(nameof(Thrown), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Inner_exceptions_come_first_and_name_their_parents()
    {
        Init();

        SentrySdk.CaptureException(Thrown(new IOException("outer", new TimeoutException("inner"))));

        var exceptions = Exceptions(await Server.NextEventAsync());
        Assert.Equal(["inner", "outer"], exceptions.Select(e => e.GetProperty("value").GetString()));
        Assert.Equal(
            exceptions[1].GetProperty("mechanism").GetProperty("exception_id").GetInt32(),
            exceptions[0].GetProperty("mechanism").GetProperty("parent_id").GetInt32());
        Assert.Equal("chained", exceptions[0].GetProperty("mechanism").GetProperty("type").GetString());
    }

    [Fact]
    public async Task Every_part_of_an_aggregate_is_sent()
    {
        Init();

        SentrySdk.CaptureException(Thrown(new AggregateException("several", new TimeoutException("one"), new IOException("two"))));

        var exceptions = Exceptions(await Server.NextEventAsync());
        Assert.Equal(["two", "one", "several"], exceptions.Select(e => e.GetProperty("value").GetString()));
        Assert.True(exceptions[^1].GetProperty("mechanism").GetProperty("is_exception_group").GetBoolean());
    }

    [Fact]
    public async Task An_exception_that_nobody_handled_says_so()
    {
        Init();

        SentrySdk.CaptureException(Thrown(new InvalidOperationException()), handled: false, terminal: true);

        var exception = Assert.Single(Exceptions(await Server.NextEventAsync()));
        Assert.False(exception.GetProperty("mechanism").GetProperty("handled").GetBoolean());
    }

    [Fact]
    public async Task What_an_exception_carries_for_the_event_is_moved_there()
    {
        Init();
        var exception = Thrown(new InvalidOperationException());
        exception.Data["sentry:tag:MandelboxId"] = "m1";
        exception.Data["sentry:context:lease"] = new Dictionary<string, object> { ["tty"] = 7 };
        exception.Data["sentry:note"] = "noted";
        exception.Data["plain"] = "stays";

        SentrySdk.CaptureException(exception);

        var sent = await Server.NextEventAsync();
        Assert.Equal("m1", sent.GetProperty("tags").GetProperty("MandelboxId").GetString());
        Assert.Equal(7, sent.GetProperty("contexts").GetProperty("lease").GetProperty("tty").GetInt32());
        Assert.Equal("noted", sent.GetProperty("extra").GetProperty("Exception[0][sentry:note]").GetString());
        var data = Assert.Single(Exceptions(sent)).GetProperty("mechanism").GetProperty("data");
        Assert.Equal("stays", data.GetProperty("plain").GetString());
        Assert.DoesNotContain(data.EnumerateObject(), p => p.Name.StartsWith("sentry:", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(SentryLevel.Info, "info")]
    [InlineData(SentryLevel.Warning, "warning")]
    [InlineData(SentryLevel.Fatal, "fatal")]
    public async Task A_message_has_its_text_and_level(SentryLevel level, string sentLevel)
    {
        Init();

        SentrySdk.CaptureMessage("draining", level);

        var sent = await Server.NextEventAsync();
        Assert.Equal("draining", sent.GetProperty("logentry").GetProperty("message").GetString());
        Assert.Equal(sentLevel, sent.GetProperty("level").GetString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    public void An_empty_message_is_not_sent(string message)
    {
        Init();

        Assert.Equal(SentryId.Empty, SentrySdk.CaptureMessage(message));
    }

    [Fact]
    public async Task The_same_exception_is_sent_once()
    {
        Init();
        var exception = Thrown(new InvalidOperationException("once"));

        SentrySdk.CaptureException(exception);
        var again = SentrySdk.CaptureException(exception);
        await SentrySdk.FlushAsync(TimeSpan.FromSeconds(10));

        Assert.Equal(SentryId.Empty, again);
        await Server.NextEventAsync();
    }

    [Fact]
    public async Task Before_send_may_change_an_event()
    {
        Init(options => options.SetBeforeSend((sentryEvent, _) =>
        {
            sentryEvent.SetTag("seen", "yes");
            return sentryEvent;
        }));

        SentrySdk.CaptureMessage("hello");

        Assert.Equal("yes", (await Server.NextEventAsync()).GetProperty("tags").GetProperty("seen").GetString());
    }

    [Fact]
    public async Task Before_send_may_drop_an_event()
    {
        Init(options => options.SetBeforeSend(sentryEvent => sentryEvent.Message?.Message == "secret" ? null : sentryEvent));

        Assert.Equal(SentryId.Empty, SentrySdk.CaptureMessage("secret"));
        SentrySdk.CaptureMessage("public");

        Assert.Equal("public", (await Server.NextEventAsync()).GetProperty("logentry").GetProperty("message").GetString());
    }

    [Fact]
    public async Task A_before_send_that_throws_harms_neither_the_caller_nor_later_events()
    {
        var faulty = true;
        Init(options => options.SetBeforeSend((sent, _) => faulty ? throw new InvalidOperationException("the callback is faulty") : sent));

        // Whether this one arrives, with a note of the fault, or is dropped, differs between the package's versions.
        SentrySdk.CaptureMessage("the first");
        faulty = false;
        SentrySdk.CaptureMessage("the second");

        var arrived = await Server.NextEventAsync();
        if (Message(arrived) == "the first")
            arrived = await Server.NextEventAsync();
        Assert.Equal("the second", Message(arrived));

        static string? Message(JsonElement sent) => sent.GetProperty("logentry").GetProperty("message").GetString();
    }

    /// <summary>Of the package, or of the one that the stand-in stands for.</summary>
    private static string Version => typeof(SentrySdk).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+', ' ')[0];

    private static JsonElement[] Exceptions(JsonElement sent) => [.. sent.GetProperty("exception").GetProperty("values").EnumerateArray()];
}
