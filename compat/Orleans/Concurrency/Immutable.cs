namespace Orleans.Concurrency;

/// <summary>A value that its giver promises not to change: passed without a copy.</summary>
[GenerateSerializer, Immutable]
public readonly struct Immutable<T>
{
    [Id(0)]
    public readonly T Value;

    public Immutable(T value)
    {
        Value = value;
    }
}

/// <summary>Wraps a value.</summary>
public static class ImmutableExtensions
{
    public static Immutable<T> AsImmutable<T>(this T value) => new(value);
}
