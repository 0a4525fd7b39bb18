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
            List<InstanceNotice> notices = [];
            var hasEvents = false;
            try
            {
                isSpot = isSpot || (await metadata.GetAsync("instance-life-cycle", cancellationToken))?.Trim() == "spot";
                notices.AddRange(OfEvents(await metadata.GetAsync(Events, cancellationToken)));
                hasEvents = notices.Count > 0;
                if (isSpot || hasEvents)
                {
                    notices.AddRange(OfSpot(await metadata.GetAsync("spot/instance-action", cancellationToken)));
                    notices.AddRange(OfRebalance(await metadata.GetAsync("events/recommendations/rebalance", cancellationToken)));
                    notices.AddRange(OfAutoscaling(await metadata.GetAsync("autoscaling/target-lifecycle-state", cancellationToken)));
                }

                _failing = false;
            }
            catch (Exception exception) when (exception is InstanceMetadataException or JsonException && !_failing)
            {
                // Only the first of a row is logged: the next try is seconds away.
                _failing = true;
                LogUnreadable(exception.Message, exception);
            }
            catch (Exception exception) when (exception is InstanceMetadataException or JsonException)
            {
                // Logged before.
            }

            foreach (var notice in notices.Where(_seen.Add))
            {
                yield return notice;
            }

            var interval = isSpot || hasEvents || _failing ? options.Value.NoticeInterval : options.Value.EventInterval;
            await Task.Delay(interval, timeProvider, cancellationToken);
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Two minutes before a spot instance ends.</summary>
    private static IEnumerable<InstanceNotice> OfSpot(string? json)
    {
        if (json is not null)
        {
            using var document = JsonDocument.Parse(json);
            var action = Text(document.RootElement, "action");
            yield return new InstanceNotice($"EC2 will {action} this spot instance", Time(Text(document.RootElement, "time")));
        }
    }

    private static IEnumerable<InstanceNotice> OfRebalance(string? json) =>
        json is null ? [] : [new InstanceNotice("EC2 recommends to leave this spot instance, which it may soon interrupt", null)];

    /// <summary>What stops or restarts the instance. An event that is over or does neither leaves mandelboxes alone.</summary>
    private static IEnumerable<InstanceNotice> OfEvents(string? json)
    {
        if (json is null)
        {
            yield break;
        }

        using var document = JsonDocument.Parse(json);
        foreach (var happening in document.RootElement.EnumerateArray())
        {
            var code = Text(happening, "Code");
            if (Text(happening, "State") == "active"
                && code is "instance-stop" or "instance-retirement" or "instance-reboot" or "system-reboot")
            {
                yield return new InstanceNotice(
                    $"EC2 has scheduled {code} ({Text(happening, "EventId")})", Time(Text(happening, "NotBefore")));
            }
        }
    }

    private static IEnumerable<InstanceNotice> OfAutoscaling(string? state) => state?.Trim() == "Terminated"
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
