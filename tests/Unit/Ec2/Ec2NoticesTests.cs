using HostService.Infrastructure.Aws;
using HostService.Tests.Support;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Ec2;

/// <summary>B32a, against a listener on loopback; never the machine's own metadata address.</summary>
public sealed class Ec2NoticesTests : IAsyncLifetime
{
    private const string Rebalance = "events/recommendations/rebalance";
    private const string Scheduled = "events/maintenance/scheduled";
    private const string Autoscaling = "autoscaling/target-lifecycle-state";
    private const string Spot = "spot/instance-action";

    private readonly ManualClock _clock = new();
    private readonly RecordingLogger<Ec2Notices> _log = new();
    private readonly CancellationTokenSource _end = new();
    private FakeMetadataService _service = null!;
    private Ec2Notices _notices = null!;
    private IAsyncEnumerator<InstanceNotice> _watch = null!;

    public async Task InitializeAsync()
    {
        _service = await FakeMetadataService.StartAsync();
        _notices = new Ec2Notices(Options.Create(new Ec2Options { MetadataEndpoint = _service.Address, Tries = 1 }), _clock, _log);
        _watch = _notices.WatchAsync(_end.Token).GetAsyncEnumerator();
    }

    public async Task DisposeAsync()
    {
        await _end.CancelAsync();
        _notices.Dispose();
        await _service.DisposeAsync();
        _end.Dispose();
    }

    [Fact]
    public async Task A_spot_instance_is_asked_for_every_notice_every_5_seconds_with_one_token()
    {
        _service.Values["instance-life-cycle"] = "spot";
        _service.Values[Autoscaling] = "InService";
        var next = NextAsync();
        await PassAsync(5);
        await PassAsync(5);

        string[] all = [$"GET {Scheduled}", $"GET {Spot}", $"GET {Rebalance}", $"GET {Autoscaling}"];
        Assert.Equal(["PUT token", "GET instance-life-cycle", .. all, .. all], _service.Requests.Take(10));
        Assert.False(next.IsCompleted);
    }

    [Fact]
    public async Task Any_other_instance_is_only_asked_for_scheduled_events_every_minute()
    {
        _service.Values["instance-life-cycle"] = "on-demand";
        _service.Values[Spot] = """{"action":"terminate","time":"2026-01-01T00:02:00Z"}""";
        _service.Values[Scheduled] = "[]";
        var next = NextAsync();
        await PassAsync(60);
        await _clock.TimerSetAsync(TimeSpan.FromMinutes(1));

        Assert.DoesNotContain(_service.Requests, r => r is not ("PUT token" or "GET instance-life-cycle" or $"GET {Scheduled}"));
        Assert.False(next.IsCompleted);
    }

    [Theory]
    [InlineData(Spot, """{"action":"terminate","time":"2026-01-01T00:02:00Z"}""", "EC2 will terminate this spot instance", "00:02:00")]
    [InlineData(Spot, """{"action":"stop","time":"2026-01-01T00:02:00Z"}""", "EC2 will stop this spot instance", "00:02:00")]
    [InlineData(Spot, """{"action":"hibernate"}""", "EC2 will hibernate this spot instance", null)]
    [InlineData(
        Rebalance, """{"noticeTime":"2026-01-01T00:00:00Z"}""",
        "EC2 recommends to leave this spot instance, which it may soon interrupt", null)]
    [InlineData(Autoscaling, "Terminated", "its autoscaling group is about to terminate this instance", null)]
    [InlineData(
        Scheduled, """[{"NotBefore":"1 Jan 2026 09:00:43 GMT","Code":"system-reboot","EventId":"instance-event-1","State":"active"}]""",
        "EC2 has scheduled system-reboot (instance-event-1)", "09:00:43")]
    [InlineData(
        Scheduled, """[{"NotBefore":"1 Jan 2026 09:00:43 GMT","Code":"instance-retirement","EventId":"instance-event-2","State":"active"}]""",
        "EC2 has scheduled instance-retirement (instance-event-2)", "09:00:43")]
    public async Task A_notice_of_each_path_comes_once_with_its_time(string path, string text, string what, string? at)
    {
        _service.Values["instance-life-cycle"] = "spot";
        var next = NextAsync();
        await PassAsync(5);
        await _clock.TimerSetAsync(TimeSpan.FromSeconds(5)).WaitAsync(TimeSpan.FromSeconds(10));
        Assert.False(next.IsCompleted);
        _service.Values[path] = text;
        _clock.Advance(TimeSpan.FromSeconds(5));

        DateTimeOffset? time = at is null ? null : DateTimeOffset.Parse($"2026-01-01T{at}Z");
        Assert.Equal(new InstanceNotice(what, time), await next.WaitAsync(TimeSpan.FromSeconds(30)));

        next = NextAsync();
        await PassAsync(5);
        await _clock.TimerSetAsync(TimeSpan.FromSeconds(5)).WaitAsync(TimeSpan.FromSeconds(10));
        Assert.False(next.IsCompleted);
    }

    [Theory]
    [InlineData("""[{"NotBefore":"1 Jan 2026 09:00:43 GMT","Code":"system-reboot","EventId":"e","State":"completed"}]""")]
    [InlineData("""[{"NotBefore":"1 Jan 2026 09:00:43 GMT","Code":"system-reboot","EventId":"e","State":"canceled"}]""")]
    [InlineData("""[{"NotBefore":"1 Jan 2026 09:00:43 GMT","Code":"system-maintenance","EventId":"e","State":"active"}]""")]
    public async Task An_event_that_is_over_or_leaves_the_instance_running_is_no_notice(string text)
    {
        _service.Values[Scheduled] = text;
        var next = NextAsync();
        await PassAsync(60);
        await _clock.TimerSetAsync(TimeSpan.FromMinutes(1));
        Assert.False(next.IsCompleted);
    }

    [Theory]
    [InlineData(Scheduled, "{}")]
    [InlineData(Scheduled, "<html>")]
    [InlineData(Scheduled, "\"\"")]
    [InlineData(Rebalance, "<html>")]
    [InlineData(Rebalance, "{}")]
    [InlineData("instance-life-cycle", null)]
    [InlineData(Scheduled, null)]
    public async Task What_cannot_be_read_of_one_path_neither_is_a_notice_nor_costs_those_of_the_others(string path, string? text)
    {
        _service.Values["instance-life-cycle"] = "spot";
        if (text is null)
        {
            _service.Broken = path;
        }
        else
        {
            _service.Values[path] = text;
        }

        var next = NextAsync();
        await PassAsync(5);
        await _clock.TimerSetAsync(TimeSpan.FromSeconds(5)).WaitAsync(TimeSpan.FromSeconds(10));
        Assert.False(next.IsCompleted);
        _service.Values[Spot] = """{"action":"terminate","time":"2026-01-01T00:02:00Z"}""";
        _clock.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal("EC2 will terminate this spot instance", (await next.WaitAsync(TimeSpan.FromSeconds(30))).What);
        Assert.Single(_log.Lines, l => l.Contains("EC2's notices cannot be read", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""{"action":"none","time":"2026-01-01T00:02:00Z"}""")]
    public async Task An_answer_that_is_no_interruption_drains_nothing(string text)
    {
        _service.Values["instance-life-cycle"] = "spot";
        _service.Values[Spot] = text;
        var next = NextAsync();
        await PassAsync(5);
        await _clock.TimerSetAsync(TimeSpan.FromSeconds(5)).WaitAsync(TimeSpan.FromSeconds(10));
        Assert.False(next.IsCompleted);
    }

    [Fact]
    public async Task The_text_counts_whatever_encoding_its_header_names()
    {
        _service.ContentType = "text/plain; charset=nonsense";
        _service.Values["instance-life-cycle"] = "spot";
        _service.Values[Autoscaling] = "Terminated";

        Assert.Contains("autoscaling", (await NextAsync().WaitAsync(TimeSpan.FromSeconds(30))).What, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_metadata_service_that_fails_or_talks_nonsense_is_reported_once_and_asked_again()
    {
        _service.Values["instance-life-cycle"] = "spot";
        _service.Values[Spot] = "<html>";
        var next = NextAsync();
        await PassAsync(5);
        await PassAsync(5);
        await _clock.TimerSetAsync(TimeSpan.FromSeconds(5)).WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Single(_log.Lines, l => l.Contains("EC2's notices cannot be read", StringComparison.Ordinal));

        _service.Next(FakeMetadataService.Status(500));
        await PassAsync(5);
        await _clock.TimerSetAsync(TimeSpan.FromSeconds(5)).WaitAsync(TimeSpan.FromSeconds(10));
        _service.Values[Spot] = """{"action":"terminate","time":"2026-01-01T00:02:00Z"}""";
        _clock.Advance(TimeSpan.FromSeconds(5));
        Assert.NotNull((await next.WaitAsync(TimeSpan.FromSeconds(30))).At);
        Assert.Single(_log.Lines, l => l.Contains("EC2's notices cannot be read", StringComparison.Ordinal));
    }

    private async Task<InstanceNotice> NextAsync() => await _watch.MoveNextAsync() ? _watch.Current : throw new InvalidOperationException();

    private async Task PassAsync(int seconds)
    {
        await _clock.TimerSetAsync(TimeSpan.FromSeconds(seconds)).WaitAsync(TimeSpan.FromSeconds(10));
        _clock.Advance(TimeSpan.FromSeconds(seconds));
    }
}
