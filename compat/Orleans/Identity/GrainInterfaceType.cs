namespace Orleans.Runtime;

/// <summary>The name that a grain interface goes by.</summary>
[Serializable, GenerateSerializer, Immutable]
public readonly struct GrainInterfaceType : IEquatable<GrainInterfaceType>, ISpanFormattable
{
    private readonly IdSpan _value;

    public GrainInterfaceType(string value) => _value = IdSpan.Create(value);

    public GrainInterfaceType(IdSpan value) => _value = value;

    public IdSpan Value => _value;

    public bool IsDefault => _value.IsDefault;

    public static GrainInterfaceType Create(string value)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(value);
        return new GrainInterfaceType(value);
    }

    public bool Equals(GrainInterfaceType other) => _value.Equals(other._value);

    public override bool Equals(object? obj) => obj is GrainInterfaceType other && Equals(other);

    public override int GetHashCode() => _value.GetHashCode();

    public override string ToString() => _value.ToString();

    string IFormattable.ToString(string? format, IFormatProvider? formatProvider) => ToString();

    bool ISpanFormattable.TryFormat(Span<char> destination, out int charsWritten, ReadOnlySpan<char> format, IFormatProvider? provider) =>
        _value.TryFormat(destination, out charsWritten);

    public static bool operator ==(GrainInterfaceType left, GrainInterfaceType right) => left.Equals(right);

    public static bool operator !=(GrainInterfaceType left, GrainInterfaceType right) => !left.Equals(right);
}
