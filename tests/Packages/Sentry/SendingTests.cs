using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Sentry;

namespace HostService.Tests.Packages.Sentry;

public sealed class SendingTests : SentryTest
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Flushing_returns_when_all_is_sent()
    {
        Init();
        for (var i = 0; i < 10; i++)
        {
            SentrySdk.CaptureMessage($"event {i}");
        }

        await SentrySdk.FlushAsync(Long);

        Assert.Equal(10, Server.Unread);
    }

    [Fact]
    public async Task Flushing_gives_up_after_its_timeout()
    {
        var release = HoldAnswers();
        Init(options => options.ShutdownTimeout = TimeSpan.FromMilliseconds(1));
        SentrySdk.CaptureMessage("stuck");
        await Server.NextAsync();

        var watch = Stopwatch.StartNew();
        await SentrySdk.FlushAsync(TimeSpan.FromMilliseconds(200));

        Assert.InRange(watch.Elapsed, TimeSpan.FromMilliseconds(150), Long);
        release.SetResult();
    }

    [Fact]
    public void Closing_sends_what_is_queued()
    {
        Init(options => options.ShutdownTimeout = Long);
        SentrySdk.CaptureMessage("last words");

        SentrySdk.Close();

        Assert.Equal(1, Server.Unread);
    }

    [Fact]
    public async Task A_full_queue_drops_the_new_and_tells_the_server_how_many()
    {
        var release = HoldAnswers();
        Init(options => options.MaxQueueItems = 1);
        SentrySdk.CaptureMessage("being sent");
        await Server.NextAsync();

        var dropped = SentrySdk.CaptureMessage("no room");
        release.SetResult();
        await SentrySdk.FlushAsync(Long);

        Assert.Equal(SentryId.Empty, dropped);
        Assert.Equal(("queue_overflow", "error", 1), await NextDiscardAsync());
    }

    [Fact]
    public async Task A_limit_on_errors_stops_them_and_the_server_is_told()
    {
        Server.Answer = context =>
        {
            context.Response.Headers["X-Sentry-Rate-Limits"] = "60:transaction:key, 2700:default;error;security:organization";
            return Task.CompletedTask;
        };
        Init();
        SentrySdk.CaptureMessage("goes through");
        await SentrySdk.FlushAsync(Long);
        await Server.NextEventAsync();

        SentrySdk.CaptureMessage("held back");
        await SentrySdk.FlushAsync(Long);

        var envelope = await Server.NextAsync();
        Assert.DoesNotContain(envelope.Items, item => item.Type == "event");
        Assert.Equal(("ratelimit_backoff", "error", 1), Discard(envelope));
    }

    [Fact]
    public async Task A_limit_on_something_else_stops_nothing()
    {
        Server.Answer = context =>
        {
            context.Response.Headers["X-Sentry-Rate-Limits"] = "60:transaction:key";
            return Task.CompletedTask;
        };
        Init();
        SentrySdk.CaptureMessage("first");
        await SentrySdk.FlushAsync(Long);
        SentrySdk.CaptureMessage("second");
        await SentrySdk.FlushAsync(Long);

        Assert.Equal(2, Server.Unread);
    }

    [Fact]
    public async Task After_a_429_with_retry_after_nothing_is_sent()
    {
        Server.Answer = context =>
        {
            context.Response.StatusCode = StatusCodes.Status429TooManyRequests;
            context.Response.Headers.RetryAfter = "600";
            return Task.CompletedTask;
        };
        Init();
        SentrySdk.CaptureMessage("too much");
        await SentrySdk.FlushAsync(Long);
        await Server.NextEventAsync();

        SentrySdk.CaptureMessage("kept to itself");
        await SentrySdk.FlushAsync(Long);

        Assert.Equal(0, Server.Unread);
    }

    [Fact]
    public async Task What_a_pause_of_all_costs_is_not_counted()
    {
        Server.Answer = context =>
        {
            context.Response.StatusCode = StatusCodes.Status429TooManyRequests;
            context.Response.Headers.RetryAfter = "0.2";
            return Task.CompletedTask;
        };
        Init();
        SentrySdk.CaptureMessage("too much");
        await SentrySdk.FlushAsync(Long);
        await Server.NextEventAsync();
        Server.Answer = _ => Task.CompletedTask;

        // Nothing but time ends the pause.
        while (Server.Unread == 0)
        {
            SentrySdk.CaptureMessage("again");
            await SentrySdk.FlushAsync(Long);
        }

        Assert.DoesNotContain((await Server.NextAsync()).Items, item => item.Type == "client_report");
    }

    [Fact]
    public async Task What_the_server_refuses_is_counted_in_the_next_envelope()
    {
        Server.Answer = context =>
        {
            context.Response.StatusCode = StatusCodes.Status500InternalServerError;
            return Task.CompletedTask;
        };
        // Sent by the flush that follows it at the latest.
        Init();
        SentrySdk.CaptureMessage("refused");
        await Server.NextEventAsync();
        Server.Answer = _ => Task.CompletedTask;
        await SentrySdk.FlushAsync(Long);
        SentrySdk.CaptureMessage("taken");
        await SentrySdk.FlushAsync(Long);

        Assert.Equal(("send_error", "error", 1), await NextDiscardAsync());
    }

    [Fact]
    public async Task A_server_that_is_away_does_not_reach_the_caller()
    {
        Init();
        await Server.DisposeAsync();

        Assert.NotEqual(SentryId.Empty, SentrySdk.CaptureMessage("nobody there"));
        await SentrySdk.FlushAsync(Long);

        Assert.True(SentrySdk.IsEnabled);
    }

    private TaskCompletionSource HoldAnswers()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Server.Answer = _ => release.Task;
        return release;
    }

    private async Task<(string? Reason, string? Category, int Quantity)> NextDiscardAsync()
    {
        while (true)
        {
            var envelope = await Server.NextAsync();
            if (envelope.Items.Any(item => item.Type == "client_report"))
            {
                return Discard(envelope);
            }
        }
    }

    private static (string? Reason, string? Category, int Quantity) Discard(Envelope envelope)
    {
        var report = envelope.Items.Single(item => item.Type == "client_report").Payload;
        var discarded = Assert.Single(report.GetProperty("discarded_events").EnumerateArray());
        return (discarded.GetProperty("reason").GetString(), discarded.GetProperty("category").GetString(), discarded.GetProperty("quantity").GetInt32());
    }
}
