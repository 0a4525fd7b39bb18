using System.Collections.Immutable;

namespace Orleans.Serialization;

// These hold mutable things here; where they do not, they are passed as they are.
internal sealed class NullableCopier<T> : TypeCopier<T?>
    where T : struct
{
    public override T? Copy(T? value, CopyContext context) => value is { } inner ? Copier<T>.Copy(inner, context) : null;

    // A boxed nullable is its value.
    public override object CopyObject(object value, CopyContext context) => Copier<T>.Copy((T)value, context);
}

internal sealed class KeyValuePairCopier<TKey, TValue> : TypeCopier<KeyValuePair<TKey, TValue>>
{
    public override KeyValuePair<TKey, TValue> Copy(KeyValuePair<TKey, TValue> value, CopyContext context) =>
        new(Copier<TKey>.Copy(value.Key, context), Copier<TValue>.Copy(value.Value, context));
}

internal sealed class ImmutableArrayCopier<T> : TypeCopier<ImmutableArray<T>>
{
    public override ImmutableArray<T> Copy(ImmutableArray<T> value, CopyContext context) =>
        value.IsDefault ? value : [.. value.Select(item => Copier<T>.Copy(item, context))];
}

internal sealed class ImmutableListCopier<T> : TypeCopier<ImmutableList<T>>
{
    public override ImmutableList<T> Copy(ImmutableList<T> value, CopyContext context) => [.. value.Select(item => Copier<T>.Copy(item, context))];
}

internal sealed class ImmutableHashSetCopier<T> : TypeCopier<ImmutableHashSet<T>>
{
    public override ImmutableHashSet<T> Copy(ImmutableHashSet<T> value, CopyContext context) =>
        ImmutableHashSet.CreateRange(value.KeyComparer, value.Select(item => Copier<T>.Copy(item, context)));
}

internal sealed class ImmutableSortedSetCopier<T> : TypeCopier<ImmutableSortedSet<T>>
{
    public override ImmutableSortedSet<T> Copy(ImmutableSortedSet<T> value, CopyContext context) =>
        ImmutableSortedSet.CreateRange(value.KeyComparer, value.Select(item => Copier<T>.Copy(item, context)));
}

internal sealed class ImmutableQueueCopier<T> : TypeCopier<ImmutableQueue<T>>
{
    public override ImmutableQueue<T> Copy(ImmutableQueue<T> value, CopyContext context) => [.. value.Select(item => Copier<T>.Copy(item, context))];
}

internal sealed class ImmutableStackCopier<T> : TypeCopier<ImmutableStack<T>>
{
    public override ImmutableStack<T> Copy(ImmutableStack<T> value, CopyContext context) =>
        ImmutableStack.CreateRange(value.Reverse().Select(item => Copier<T>.Copy(item, context)));
}

internal sealed class ImmutableDictionaryCopier<TKey, TValue> : TypeCopier<ImmutableDictionary<TKey, TValue>>
    where TKey : notnull
{
    public override ImmutableDictionary<TKey, TValue> Copy(ImmutableDictionary<TKey, TValue> value, CopyContext context) =>
        value.ToImmutableDictionary(
            pair => Copier<TKey>.Copy(pair.Key, context), pair => Copier<TValue>.Copy(pair.Value, context), value.KeyComparer, value.ValueComparer);
}

internal sealed class ImmutableSortedDictionaryCopier<TKey, TValue> : TypeCopier<ImmutableSortedDictionary<TKey, TValue>>
    where TKey : notnull
{
    public override ImmutableSortedDictionary<TKey, TValue> Copy(ImmutableSortedDictionary<TKey, TValue> value, CopyContext context) =>
        value.ToImmutableSortedDictionary(
            pair => Copier<TKey>.Copy(pair.Key, context), pair => Copier<TValue>.Copy(pair.Value, context), value.KeyComparer, value.ValueComparer);
}

internal sealed class ReadOnlyMemoryCopier<T> : TypeCopier<ReadOnlyMemory<T>>
{
    public override ReadOnlyMemory<T> Copy(ReadOnlyMemory<T> value, CopyContext context) => Copier<T[]>.Copy(value.ToArray(), context);
}

internal sealed class MemoryCopier<T> : TypeCopier<Memory<T>>
{
    public override Memory<T> Copy(Memory<T> value, CopyContext context) => Copier<T[]>.Copy(value.ToArray(), context);
}

internal sealed class ArraySegmentCopier<T> : TypeCopier<ArraySegment<T>>
{
    public override ArraySegment<T> Copy(ArraySegment<T> value, CopyContext context) =>
        value.Array is null ? default : new ArraySegment<T>(Copier<T[]>.Copy([.. value], context));
}
