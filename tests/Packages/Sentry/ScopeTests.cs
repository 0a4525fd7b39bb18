using System.Text.Json;
using Sentry;

namespace HostService.Tests.Packages.Sentry;

public sealed class ScopeTests : SentryTest
{
    [Fact]
    public async Task What_is_set_on_the_scope_is_on_every_event()
    {
        Init();
        SentrySdk.ConfigureScope(scope =>
        {
            scope.SetTag("MandelboxId", "m1");
            scope.SetExtra("slots", 54);
            scope.User = new SentryUser { Id = "auth0|7" };
            scope.Environment = "dev";
            scope.SetFingerprint("one", "two");
        });

        SentrySdk.CaptureMessage("hello");

        var sent = await Server.NextEventAsync();
        Assert.Equal("m1", sent.GetProperty("tags").GetProperty("MandelboxId").GetString());
        Assert.Equal(54, sent.GetProperty("extra").GetProperty("slots").GetInt32());
        Assert.Equal("auth0|7", sent.GetProperty("user").GetProperty("id").GetString());
        Assert.Equal("dev", sent.GetProperty("environment").GetString());
        Assert.Equal(["one", "two"], sent.GetProperty("fingerprint").EnumerateArray().Select(f => f.GetString()));
    }

    [Fact]
    public async Task What_an_event_sets_itself_wins()
    {
        Init();
        SentrySdk.ConfigureScope(scope => scope.SetTag("who", "scope"));
        var sentryEvent = new SentryEvent { Message = "hello" };
        sentryEvent.SetTag("who", "event");

        SentrySdk.CaptureEvent(sentryEvent);

        Assert.Equal("event", (await Server.NextEventAsync()).GetProperty("tags").GetProperty("who").GetString());
    }

    [Fact]
    public async Task A_level_on_the_scope_overrides_that_of_the_event()
    {
        Init();

        SentrySdk.CaptureException(Thrown(new InvalidOperationException()), scope => scope.Level = SentryLevel.Warning);

        Assert.Equal("warning", (await Server.NextEventAsync()).GetProperty("level").GetString());
    }

    [Fact]
    public async Task A_scope_configured_for_one_capture_holds_for_that_one()
    {
        Init();

        SentrySdk.CaptureMessage("first", scope => scope.SetTag("only", "here"));
        SentrySdk.CaptureMessage("second");

        Assert.Equal("here", (await Server.NextEventAsync()).GetProperty("tags").GetProperty("only").GetString());
        Assert.False(HasTag(await Server.NextEventAsync(), "only"));
    }

    [Fact]
    public async Task A_pushed_scope_ends_when_it_is_disposed()
    {
        Init();
        SentrySdk.ConfigureScope(scope => scope.SetTag("outer", "yes"));

        using (SentrySdk.PushScope())
        {
            SentrySdk.ConfigureScope(scope => scope.SetTag("inner", "yes"));
            SentrySdk.CaptureMessage("inside");
        }

        SentrySdk.CaptureMessage("outside");

        var inside = await Server.NextEventAsync();
        Assert.True(HasTag(inside, "inner") && HasTag(inside, "outer"));
        var outside = await Server.NextEventAsync();
        Assert.True(HasTag(outside, "outer") && !HasTag(outside, "inner"));
    }

    [Fact]
    public async Task A_scope_pushed_in_one_task_is_not_seen_by_another()
    {
        Init();

        await Task.WhenAll(Capture("a"), Capture("b"));

        foreach (var sent in new[] { await Server.NextEventAsync(), await Server.NextEventAsync() })
        {
            Assert.Equal(sent.GetProperty("logentry").GetProperty("message").GetString(), sent.GetProperty("tags").GetProperty("task").GetString());
        }

        static async Task Capture(string name)
        {
            using var scope = SentrySdk.PushScope();
            SentrySdk.ConfigureScope(own => own.SetTag("task", name));
            await Task.Yield();
            SentrySdk.CaptureMessage(name);
        }
    }

    [Fact]
    public async Task In_global_mode_and_by_default_tags_every_flow_has_the_same()
    {
        Init(options =>
        {
            options.IsGlobalModeEnabled = true;
            options.DefaultTags["region"] = "us-east-1";
        });
        SentrySdk.SetTag("instance", "host-1");
        using (ExecutionContext.SuppressFlow())
        {
            _ = Task.Run(() => SentrySdk.CaptureMessage("elsewhere"));
        }

        var sent = await Server.NextEventAsync();
        Assert.Equal("us-east-1", sent.GetProperty("tags").GetProperty("region").GetString());
        Assert.Equal("host-1", sent.GetProperty("tags").GetProperty("instance").GetString());
    }

    [Fact]
    public async Task Breadcrumbs_are_sent_in_order_and_only_so_many()
    {
        Init(options => options.MaxBreadcrumbs = 3);
        for (var i = 1; i <= 5; i++)
        {
            SentrySdk.AddBreadcrumb($"step {i}", category: "life", data: new Dictionary<string, string> { ["i"] = $"{i}" }, level: BreadcrumbLevel.Warning);
        }

        SentrySdk.CaptureMessage("hello");

        var breadcrumbs = Breadcrumbs(await Server.NextEventAsync());
        Assert.Equal(["step 3", "step 4", "step 5"], breadcrumbs.Select(b => b.GetProperty("message").GetString()));
        Assert.Equal("life", breadcrumbs[0].GetProperty("category").GetString());
        Assert.Equal("warning", breadcrumbs[0].GetProperty("level").GetString());
        Assert.Equal("3", breadcrumbs[0].GetProperty("data").GetProperty("i").GetString());
    }

    [Fact]
    public async Task An_exception_is_a_breadcrumb_of_the_next_event()
    {
        Init();

        SentrySdk.CaptureException(Thrown(new InvalidOperationException("it began here")));
        SentrySdk.CaptureMessage("and went on");
        await Server.NextEventAsync();

        var breadcrumb = Breadcrumbs(await Server.NextEventAsync()).Last();
        Assert.Equal("it began here", breadcrumb.GetProperty("message").GetString());
        Assert.Equal("Exception", breadcrumb.GetProperty("category").GetString());
    }

    [Fact]
    public async Task Credentials_in_addresses_are_taken_out_of_breadcrumbs_unless_all_may_be_sent()
    {
        Init();
        Leave();
        SentrySdk.CaptureMessage("careful");
        SentrySdk.Close();
        Init(options => options.SendDefaultPii = true);
        Leave();
        SentrySdk.CaptureMessage("careless");

        var careful = Breadcrumbs(await Server.NextEventAsync());
        Assert.Equal("asks https://[Filtered]:[Filtered]@engine/x now", careful[0].GetProperty("message").GetString());
        Assert.Equal("HTTP://[Filtered]@engine/y", careful[0].GetProperty("data").GetProperty("url").GetString());
        Assert.Equal("no address: me@home", careful[1].GetProperty("message").GetString());
        var careless = Breadcrumbs(await Server.NextEventAsync());
        Assert.Equal("asks https://user:secret@engine/x now", careless[0].GetProperty("message").GetString());

        static void Leave()
        {
            SentrySdk.AddBreadcrumb("asks https://user:secret@engine/x now", data: new Dictionary<string, string> { ["url"] = "HTTP://token@engine/y" });
            SentrySdk.AddBreadcrumb("no address: me@home");
        }
    }

    [Fact]
    public void A_scope_knows_the_last_event_of_its_own_only()
    {
        Init();
        var outer = SentrySdk.CaptureMessage("outer");
        using (SentrySdk.PushScope())
        {
            Assert.Equal(SentryId.Empty, SentrySdk.LastEventId);
            SentrySdk.CaptureMessage("inner");
        }

        SentrySdk.CaptureMessage("on a scope of its own", scope => scope.SetTag("own", "yes"));
        Assert.Equal(outer, SentrySdk.LastEventId);
    }

    [Fact]
    public async Task Before_breadcrumb_may_drop_one()
    {
        Init(options => options.SetBeforeBreadcrumb(breadcrumb => breadcrumb.Message == "token" ? null : breadcrumb));
        SentrySdk.AddBreadcrumb("token");
        SentrySdk.AddBreadcrumb("kept");

        SentrySdk.CaptureMessage("hello");

        Assert.Equal(["kept"], Breadcrumbs(await Server.NextEventAsync()).Select(b => b.GetProperty("message").GetString()));
    }

    [Fact]
    public async Task A_scope_callback_that_throws_does_not_reach_the_caller()
    {
        Init();

        SentrySdk.ConfigureScope(_ => throw new InvalidOperationException());
        SentrySdk.CaptureMessage("still here");

        await Server.NextEventAsync();
    }

    private static JsonElement[] Breadcrumbs(JsonElement sent) => [.. sent.GetProperty("breadcrumbs").EnumerateArray()];

    private static bool HasTag(JsonElement sent, string tag)
        => sent.TryGetProperty("tags", out var tags) && tags.TryGetProperty(tag, out _);
}
