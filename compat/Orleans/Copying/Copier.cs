using Orleans.Runtime;

namespace Orleans.Serialization;

/// <summary>Nothing knows how to carry a type across a call.</summary>
[GenerateSerializer]
public sealed class CodecNotFoundException : Exception
{
    public CodecNotFoundException(string message)
        : base(message)
    {
    }
}

/// <summary>Copies values of one runtime type.</summary>
internal abstract class TypeCopier
{
    /// <summary>True where the value itself may be passed.</summary>
    public virtual bool IsShallow => false;

    public abstract object CopyObject(object value, CopyContext context);
}

/// <summary>Copies values of one runtime type, without boxing.</summary>
internal abstract class TypeCopier<T> : TypeCopier
{
    public abstract T Copy(T value, CopyContext context);

    public override object CopyObject(object value, CopyContext context) => Copy((T)value, context)!;
}

/// <summary>Passes the value itself.</summary>
internal sealed class ShallowCopier<T> : TypeCopier<T>
{
    public override bool IsShallow => true;

    public override T Copy(T value, CopyContext context) => value;
}

/// <summary>Copies what is declared as <typeparamref name="T"/>, whatever it turns out to be.</summary>
internal static class Copier<T>
{
    private static readonly TypeCopier<T>? s_exact = Copiers.IsExact(typeof(T)) ? (TypeCopier<T>)Copiers.For(typeof(T)) : null;
    private static readonly bool s_shallow = Copiers.IsShallow(typeof(T));

    private static readonly bool s_grain = typeof(T).IsInterface && typeof(IAddressable).IsAssignableFrom(typeof(T));

    /// <summary>A copy that shares nothing mutable with <paramref name="value"/>.</summary>
    public static T Copy(T value)
    {
        if (s_shallow || value is null)
            return value;
        var context = CopyContext.Rent();
        try
        {
            return Copy(value, context);
        }
        finally
        {
            context.Return();
        }
    }

    /// <summary>The same, within a copy under way.</summary>
    public static T Copy(T value, CopyContext context)
    {
        if (s_shallow || value is null)
            return value;
        if (s_exact is not null)
            return s_exact.Copy(value, context);

        // A grain that passes itself arrives as a reference to it, of the interface that was asked for.
        if (s_grain && value is IGrainBase grain)
            return (T)grain.GrainContext.GrainReference.CastTo(typeof(T));
        return (T)Copiers.For(value.GetType()).CopyObject(value, context);
    }
}
