using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sentry.Internal;

/// <summary>
/// What goes over the wire: a header line, then for each item a header line with its length and the payload.
/// https://develop.sentry.dev/sdk/data-model/envelopes/
/// </summary>
internal sealed record Envelope(SentryId? EventId, IReadOnlyList<EnvelopeItem> Items)
{
    public static readonly JsonSerializerOptions Json = new()
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        ReferenceHandler = ReferenceHandler.IgnoreCycles,
    };

    public static Envelope Of(SentryEvent sentryEvent)
        => new(sentryEvent.EventId, [new EnvelopeItem("event", "error", EventJson.Write(sentryEvent))]);

    public byte[] Serialize(DateTimeOffset sentAt)
    {
        using var stream = new MemoryStream();
        WriteLine(stream, JsonSerializer.SerializeToUtf8Bytes(
            new
            {
                sdk = new { name = Settings.SdkName, version = Settings.SdkVersion },
                event_id = EventId?.ToString(),
                sent_at = sentAt,
            },
            Json));
        foreach (var item in Items)
        {
            WriteLine(stream, JsonSerializer.SerializeToUtf8Bytes(new { type = item.Type, length = item.Payload.Length }, Json));
            WriteLine(stream, item.Payload);
        }

        return stream.ToArray();
    }

    private static void WriteLine(MemoryStream stream, byte[] line)
    {
        stream.Write(line);
        stream.WriteByte((byte)'\n');
    }
}

/// <param name="Type">Of the item.</param>
/// <param name="Category">By which a server limits it.</param>
/// <param name="Payload">Written once, when captured: what happens to the event's objects later does not show.</param>
internal sealed record EnvelopeItem(string Type, string Category, byte[] Payload);
