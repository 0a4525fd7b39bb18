using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace HostService.Infrastructure.Aws;

/// <summary>EC2 is going to end or restart this instance.</summary>
/// <param name="What">For the log.</param>
/// <param name="At">When; null where EC2 does not say.</param>
public sealed record InstanceNotice(string What, DateTimeOffset? At);

/// <summary>
/// EC2's notices in the instance metadata (B32a). All of them are polled on a spot instance and while events are scheduled; otherwise only
/// the scheduled events, and less often.
/// </summary>
public sealed partial class Ec2Notices(IOptions<Ec2Options> options, TimeProvider timeProvider, ILogger<Ec2Notices> logger) : IDisposable
{
    private const string Events = "events/maintenance/scheduled";

    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });
    private readonly HashSet<InstanceNotice> _seen = [];
    private bool _failing;

    /// <summary>Each notice once, until cancelled.</summary>
    public async IAsyncEnumerable<InstanceNotice> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var metadata = new MetadataClient(_http, options.Value, timeProvider, logger);
        var isSpot = false;
        while (true)
        {
            Exception? failure = null;
            isSpot = isSpot || await ReadAsync("instance-life-cycle", text => text.Trim() == "spot");
            var notices = await ReadAsync(Events, OfEvents) ?? [];
            var readsAll = isSpot || notices.Count > 0 || failure is not null;
            if (readsAll)
            {
                notices.AddRange(await ReadAsync("spot/instance-action", OfSpot) ?? []);
                notices.AddRange(await ReadAsync("events/recommendations/rebalance", OfRebalance) ?? []);
                notices.AddRange(await ReadAsync("autoscaling/target-lifecycle-state", OfAutoscaling) ?? []);
            }

            // Only the first failure of a row is logged: the next try is seconds away.
            if (failure is not null && !_failing)
            {
                LogUnreadable(failure.Message, failure);
            }

            _failing = failure is not null;
            foreach (var notice in notices.Where(_seen.Add))
            {
                yield return notice;
            }

            var interval = readsAll ? options.Value.NoticeInterval : options.Value.EventInterval;
            await Task.Delay(interval, timeProvider, cancellationToken);

            // One path that cannot be read never costs the notices of the others.
            async Task<T?> ReadAsync<T>(string path, Func<string, T> parse)
            {
                try
                {
                    return await metadata.GetAsync(path, cancellationToken) is { } text ? parse(text) : default;
                }
                catch (Exception exception) when (exception is InstanceMetadataException or JsonException)
                {
                    failure = exception;
                    return default;
                }
            }
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Two minutes before a spot instance ends.</summary>
    private static List<InstanceNotice> OfSpot(string json)
    {
        using var document = JsonDocument.Parse(json);
        return Text(document.RootElement, "action") is var action and ("terminate" or "stop" or "hibernate")
            ? [new InstanceNotice($"EC2 will {action} this spot instance", Time(Text(document.RootElement, "time")))]
            : throw new JsonException("spot/instance-action names no action");
    }

    private static List<InstanceNotice> OfRebalance(string json)
    {
        using var document = JsonDocument.Parse(json);
        return Text(document.RootElement, "noticeTime").Length > 0
            ? [new InstanceNotice("EC2 recommends to leave this spot instance, which it may soon interrupt", null)]
            : throw new JsonException("events/recommendations/rebalance names no time");
    }

    /// <summary>What stops or restarts the instance. An event that is over or does neither leaves mandelboxes alone.</summary>
    private static List<InstanceNotice> OfEvents(string json)
    {
        using var document = JsonDocument.Parse(json);
        if (document.RootElement.ValueKind != JsonValueKind.Array)
        {
            throw new JsonException($"{Events} is no list");
        }

        return [.. document.RootElement.EnumerateArray()
            .Where(happening => Text(happening, "State") == "active"
                && Text(happening, "Code") is "instance-stop" or "instance-retirement" or "instance-reboot" or "system-reboot")
            .Select(happening => new InstanceNotice(
                $"EC2 has scheduled {Text(happening, "Code")} ({Text(happening, "EventId")})", Time(Text(happening, "NotBefore"))))];
    }

    private static List<InstanceNotice> OfAutoscaling(string state) => state.Trim() == "Terminated"
        ? [new InstanceNotice("its autoscaling group is about to terminate this instance", null)]
        : [];

    private static string Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : "";

    /// <summary>ISO 8601 in the spot notice, <c>21 Jan 2019 09:00:43 GMT</c> in the events; null when it is neither.</summary>
    private static DateTimeOffset? Time(string text) => DateTimeOffset.TryParse(
        text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
        ? time
        : null;

    [LoggerMessage(LogLevel.Warning, "EC2's notices cannot be read, so an interruption may come without one: {Reason}")]
    private partial void LogUnreadable(string reason, Exception exception);
}
