using Orleans.Runtime;

namespace Orleans;

/// <summary>Keys and references of grains, from inside and outside.</summary>
public static class GrainExtensions
{
    public static TGrainInterface AsReference<TGrainInterface>(this IAddressable grain) =>
        (TGrainInterface)Reference(grain).CastTo(typeof(TGrainInterface));

    public static object AsReference(this IAddressable grain, Type interfaceType) => Reference(grain).CastTo(interfaceType);

    public static TGrainInterface Cast<TGrainInterface>(this IAddressable grain) => grain.AsReference<TGrainInterface>();

    public static object Cast(this IAddressable grain, Type interfaceType) => grain.AsReference(interfaceType);

    public static GrainId GetGrainId(this IAddressable grain)
    {
        var id = grain switch
        {
            Grain instance => instance.GrainContext.GrainId,
            GrainReference reference => reference.GrainId,
            IGrainBase instance => instance.GrainContext.GrainId,
            null => throw new ArgumentNullException(nameof(grain)),
            _ => throw NotAGrain(grain),
        };
        return id.IsDefault ? throw NotAGrain(grain) : id;
    }

    public static bool IsPrimaryKeyBasedOnLong(this IAddressable grain) => grain.GetGrainId().TryGetIntegerKey(out _, out _);

    public static long GetPrimaryKeyLong(this IAddressable grain, out string? keyExt) =>
        grain.GetGrainId().TryGetIntegerKey(out var key, out keyExt) ? key : throw NoSuchKey(grain, "integer");

    public static long GetPrimaryKeyLong(this IAddressable grain) => grain.GetPrimaryKeyLong(out _);

    public static Guid GetPrimaryKey(this IAddressable grain, out string? keyExt)
    {
        var id = grain.GetGrainId();
        if (id.TryGetGuidKey(out var key, out keyExt))
            return key;
        if (!id.TryGetIntegerKey(out var number, out keyExt))
            throw NoSuchKey(grain, "GUID");
        Span<byte> bytes = stackalloc byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteInt64LittleEndian(bytes[8..], number);
        return new Guid(bytes);
    }

    public static Guid GetPrimaryKey(this IAddressable grain) => grain.GetPrimaryKey(out _);

    public static string GetPrimaryKeyString(this IAddressable grain) => grain.GetGrainId().Key.ToString();

    internal static GrainReference Reference(IAddressable grain) => grain switch
    {
        GrainReference reference => reference,
        IGrainBase { GrainContext: { } context } => context.GrainReference,
        null => throw new ArgumentNullException(nameof(grain)),
        _ => throw NotAGrain(grain),
    };

    private static ArgumentException NotAGrain(IAddressable grain) => new(
        $"{grain.GetType().FullName} is neither a grain that the runtime made nor a reference to one; a grain class derives from "
        + $"{nameof(Grain)} or implements {nameof(IGrainBase)}.", nameof(grain));

    private static InvalidOperationException NoSuchKey(IAddressable grain, string kind) =>
        new($"Unable to extract {kind} key from grain id {grain.GetGrainId()}");
}
