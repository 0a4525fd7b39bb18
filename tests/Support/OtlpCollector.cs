using System.Buffers.Binary;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace HostService.Tests.Support;

/// <param name="Parent">Empty for the root of a trace.</param>
public sealed record OtlpSpan(
    string TraceId, string Id, string Parent, string Name, string Error, IReadOnlyDictionary<string, string> Attributes);

/// <param name="PrometheusName">What <c>/metrics</c> calls it.</param>
public sealed record OtlpMetric(string Name, string PrometheusName);

/// <param name="TraceId">Empty for a line that was not written in a trace.</param>
public sealed record OtlpLine(string Severity, string Text, string TraceId, IReadOnlyDictionary<string, string> Attributes);

/// <summary>An OpenTelemetry collector on loopback, which takes OTLP over HTTP as protobuf and keeps what it gets.</summary>
public sealed class OtlpCollector : IAsyncDisposable
{
    // Field numbers, from opentelemetry-proto. A request has its records three levels deep: by resource, by scope, and the records.
    private const int Resource = 1;
    private const int Records = 2;

    private readonly Lock _gate = new();
    private readonly WebApplication _app;
    private readonly List<OtlpSpan> _spans = [];
    private readonly List<OtlpMetric> _metrics = [];
    private readonly List<OtlpLine> _lines = [];
    private readonly List<IReadOnlyDictionary<string, string>> _resources = [];
    private readonly StringBuilder _text = new();

    private OtlpCollector()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _app = builder.Build();
        _app.MapPost("/v1/traces", request => TakeAsync(request, span => _spans.Add(SpanOf(span))));
        _app.MapPost("/v1/metrics", request => TakeAsync(request, metric => _metrics.Add(MetricOf(metric))));
        _app.MapPost("/v1/logs", request => TakeAsync(request, line => _lines.Add(LineOf(line))));
    }

    /// <summary>For <c>Telemetry:OtlpEndpoint</c>.</summary>
    public string Endpoint => _app.Urls.Single();

    public IReadOnlyList<OtlpSpan> Spans => Copy(_spans);

    public IReadOnlyList<OtlpMetric> Metrics => Copy(_metrics);

    public IReadOnlyList<OtlpLine> Lines => Copy(_lines);

    /// <summary>The attributes of the sender, once for each request.</summary>
    public IReadOnlyList<IReadOnlyDictionary<string, string>> Resources => Copy(_resources);

    /// <summary>Everything that it got, undecoded: protobuf has strings as they are.</summary>
    public string Text
    {
        get
        {
            lock (_gate)
            {
                return _text.ToString();
            }
        }
    }

    public static async Task<OtlpCollector> StartAsync()
    {
        var collector = new OtlpCollector();
        await collector._app.StartAsync();
        return collector;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task TakeAsync(HttpContext context, Action<Message> take)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        lock (_gate)
        {
            // Latin-1 keeps every byte.
            _text.Append(Encoding.Latin1.GetString(body.ToArray()));
            foreach (var resource in new Message(body.ToArray()).Messages(1))
            {
                _resources.Add(Attributes(resource.Messages(Resource).Single(), 1));
                foreach (var record in resource.Messages(Records).SelectMany(scope => scope.Messages(Records)))
                {
                    take(record);
                }
            }
        }
    }

    private static OtlpSpan SpanOf(Message span) => new(
        span.Hex(1), span.Hex(2), span.Hex(4), span.String(5), span.Messages(15).Select(status => status.String(2)).SingleOrDefault() ?? "",
        Attributes(span, 9));

    private static OtlpMetric MetricOf(Message metric)
    {
        var (name, unit) = (metric.String(1), metric.String(3));
        var counts = metric.Messages(7).Any(sum => sum.Number(3) == 1);
        var suffix = unit switch
        {
            "s" => "_seconds",
            "By" => "_bytes",
            "1" when !counts => "_ratio",
            _ => "",
        };
        var text = name.Replace('.', '_');
        text = text.EndsWith(suffix, StringComparison.Ordinal) ? text : text + suffix;
        return new OtlpMetric(name, counts ? $"{text}_total" : text);
    }

    private static OtlpLine LineOf(Message line) => new(
        line.String(3), line.Messages(5).Single().String(1), line.Hex(9), Attributes(line, 6));

    /// <summary>Values that are no strings are left empty.</summary>
    private static Dictionary<string, string> Attributes(Message message, int field) => message.Messages(field).ToDictionary(
        pair => pair.String(1), pair => pair.Messages(2).SingleOrDefault()?.String(1) ?? "", StringComparer.Ordinal);

    private IReadOnlyList<T> Copy<T>(List<T> list)
    {
        lock (_gate)
        {
            return [.. list];
        }
    }

    /// <summary>A protobuf message, read field by field.</summary>
    private sealed class Message
    {
        private readonly List<(int Field, ulong Number, ReadOnlyMemory<byte> Bytes)> _fields = [];

        public Message(ReadOnlyMemory<byte> message)
        {
            for (var rest = message; rest.Length > 0;)
            {
                var tag = Varint(ref rest);
                var (field, wireType) = ((int)(tag >> 3), tag & 7);
                _fields.Add(wireType switch
                {
                    0 => (field, Varint(ref rest), default),
                    1 => (field, BinaryPrimitives.ReadUInt64LittleEndian(Take(ref rest, 8).Span), default),
                    2 => (field, 0, Take(ref rest, (int)Varint(ref rest))),
                    5 => (field, BinaryPrimitives.ReadUInt32LittleEndian(Take(ref rest, 4).Span), default),
                    _ => throw new FormatException($"wire type {wireType}"),
                });
            }
        }

        public IEnumerable<Message> Messages(int field) => _fields.Where(f => f.Field == field).Select(f => new Message(f.Bytes));

        public string String(int field) => Encoding.UTF8.GetString(Bytes(field).Span);

        public string Hex(int field) => Convert.ToHexStringLower(Bytes(field).Span);

        public ulong Number(int field) => _fields.LastOrDefault(f => f.Field == field).Number;

        private ReadOnlyMemory<byte> Bytes(int field) => _fields.LastOrDefault(f => f.Field == field).Bytes;

        private static ulong Varint(ref ReadOnlyMemory<byte> rest)
        {
            ulong value = 0;
            for (var shift = 0; ; shift += 7)
            {
                var part = Take(ref rest, 1).Span[0];
                value |= (ulong)(part & 0x7f) << shift;
                if (part < 0x80)
                {
                    return value;
                }
            }
        }

        private static ReadOnlyMemory<byte> Take(ref ReadOnlyMemory<byte> rest, int length)
        {
            var taken = rest[..length];
            rest = rest[length..];
            return taken;
        }
    }
}
