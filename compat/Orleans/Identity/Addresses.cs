using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Orleans.Runtime;

/// <summary>One activation of a grain, told apart from the one before.</summary>
[Serializable, GenerateSerializer, Immutable]
[JsonConverter(typeof(ActivationIdConverter))]
public readonly struct ActivationId : IEquatable<ActivationId>, ISpanFormattable
{
    private readonly Guid _key;

    public ActivationId(Guid key) => _key = key;

    public bool IsDefault => _key == default;

    public static ActivationId NewId() => new(Guid.NewGuid());

    public bool Equals(ActivationId other) => _key.Equals(other._key);

    public override bool Equals(object? obj) => obj is ActivationId other && Equals(other);

    public override int GetHashCode() => _key.GetHashCode();

    public override string ToString() => $"@{_key:N}";

    public string ToParsableString() => ToString();

    public static ActivationId FromParsableString(string activationId)
    {
        ArgumentNullException.ThrowIfNull(activationId);
        return activationId.StartsWith('@') && Guid.TryParseExact(activationId[1..], "N", out var key)
            ? new ActivationId(key)
            : throw new FormatException($"\"{activationId}\" is not an activation id.");
    }

    string IFormattable.ToString(string? format, IFormatProvider? formatProvider) => ToString();

    bool ISpanFormattable.TryFormat(Span<char> destination, out int charsWritten, ReadOnlySpan<char> format, IFormatProvider? provider) =>
        destination.TryWrite($"@{_key:N}", out charsWritten);

    public static bool operator ==(ActivationId left, ActivationId right) => left.Equals(right);

    public static bool operator !=(ActivationId left, ActivationId right) => !left.Equals(right);
}

/// <summary>Writes an <see cref="ActivationId"/> as its text.</summary>
public sealed class ActivationIdConverter : JsonConverter<ActivationId>
{
    public override ActivationId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        ActivationId.FromParsableString(reader.GetString() ?? "");

    public override void Write(Utf8JsonWriter writer, ActivationId value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.ToParsableString());
}

/// <summary>Where a silo listens, and which start of it.</summary>
[Serializable, Immutable]
[JsonConverter(typeof(SiloAddressConverter))]
[SuppressReferenceTracking]
public sealed class SiloAddress : IEquatable<SiloAddress>, ISpanFormattable
{
    private SiloAddress(IPEndPoint endpoint, int generation)
    {
        Endpoint = endpoint;
        Generation = generation;
    }

    [Id(0)]
    public IPEndPoint Endpoint { get; }

    [Id(1)]
    public int Generation { get; }

    public static SiloAddress Zero { get; } = New(IPAddress.Any, 0, 0);

    public static SiloAddress New(IPEndPoint ep, int gen) => new(ep, gen);

    public static SiloAddress New(IPAddress address, int port, int generation) => new(new IPEndPoint(address, port), generation);

    public bool Equals([NotNullWhen(true)] SiloAddress? other) =>
        other is not null && Generation == other.Generation && Endpoint.Equals(other.Endpoint);

    public override bool Equals(object? obj) => Equals(obj as SiloAddress);

    public override int GetHashCode() => HashCode.Combine(Endpoint, Generation);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"S{Endpoint}:{Generation}");

    public string ToParsableString() => string.Create(CultureInfo.InvariantCulture, $"{Endpoint}@{Generation}");

    public static SiloAddress FromParsableString(string addr)
    {
        ArgumentNullException.ThrowIfNull(addr);
        var at = addr.LastIndexOf('@');
        return at > 0 && IPEndPoint.TryParse(addr[..at], out var endpoint) && int.TryParse(addr[(at + 1)..], CultureInfo.InvariantCulture, out var generation)
            ? new SiloAddress(endpoint, generation)
            : throw new FormatException($"\"{addr}\" is not a silo address.");
    }

    string IFormattable.ToString(string? format, IFormatProvider? formatProvider) => ToString();

    bool ISpanFormattable.TryFormat(Span<char> destination, out int charsWritten, ReadOnlySpan<char> format, IFormatProvider? provider) =>
        destination.TryWrite($"S{Endpoint}:{Generation}", out charsWritten);
}

/// <summary>Writes a <see cref="SiloAddress"/> as its text.</summary>
public sealed class SiloAddressConverter : JsonConverter<SiloAddress>
{
    public override SiloAddress? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.GetString() is { } text ? SiloAddress.FromParsableString(text) : null;

    public override void Write(Utf8JsonWriter writer, SiloAddress value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToParsableString());
}

/// <summary>Which activation of which grain, on which silo.</summary>
[GenerateSerializer, Immutable]
public sealed class GrainAddress : IEquatable<GrainAddress>, ISpanFormattable
{
    [Id(0)]
    private readonly GrainId _grainId;
    [Id(1)]
    private readonly ActivationId _activationId;

    public GrainId GrainId { get => _grainId; init => _grainId = value; }

    public ActivationId ActivationId { get => _activationId; init => _activationId = value; }

    [Id(2)]
    public SiloAddress? SiloAddress { get; init; }

    public bool Equals(GrainAddress? other) =>
        other is not null && _grainId.Equals(other._grainId) && _activationId.Equals(other._activationId) && Equals(SiloAddress, other.SiloAddress);

    public override bool Equals(object? obj) => Equals(obj as GrainAddress);

    public override int GetHashCode() => HashCode.Combine(SiloAddress, _grainId, _activationId);

    public override string ToString() => $"{_grainId}{_activationId} on {SiloAddress}";

    string IFormattable.ToString(string? format, IFormatProvider? formatProvider) => ToString();

    bool ISpanFormattable.TryFormat(Span<char> destination, out int charsWritten, ReadOnlySpan<char> format, IFormatProvider? provider) =>
        destination.TryWrite($"{_grainId}{_activationId} on {SiloAddress}", out charsWritten);
}
