using System.Collections;
using System.Collections.Concurrent;
using System.Collections.ObjectModel;
using System.Collections.Specialized;
using System.Runtime.CompilerServices;
using Orleans.Runtime;

namespace Orleans.Serialization;

/// <summary>A class that is filled after it is made, so that what it holds may lead back to it.</summary>
internal abstract class FilledCopier<T> : TypeCopier<T>
    where T : class
{
    public sealed override T Copy(T value, CopyContext context)
    {
        if (context.TryGet(value, out var copy))
            return copy;
        copy = Make(value);
        context.Record(value, copy);
        Fill(value, copy, context);
        return copy;
    }

    protected abstract T Make(T value);

    protected abstract void Fill(T value, T copy, CopyContext context);
}

internal sealed class ListCopier<T> : FilledCopier<List<T>>
{
    protected override List<T> Make(List<T> value) => new(value.Count);

    protected override void Fill(List<T> value, List<T> copy, CopyContext context)
    {
        foreach (var item in value)
            copy.Add(Copier<T>.Copy(item, context));
    }
}

internal sealed class DictionaryCopier<TKey, TValue> : FilledCopier<Dictionary<TKey, TValue>>
    where TKey : notnull
{
    protected override Dictionary<TKey, TValue> Make(Dictionary<TKey, TValue> value) => new(value.Count, value.Comparer);

    protected override void Fill(Dictionary<TKey, TValue> value, Dictionary<TKey, TValue> copy, CopyContext context)
    {
        foreach (var (key, item) in value)
            copy.Add(Copier<TKey>.Copy(key, context), Copier<TValue>.Copy(item, context));
    }
}

internal sealed class ConcurrentDictionaryCopier<TKey, TValue> : FilledCopier<ConcurrentDictionary<TKey, TValue>>
    where TKey : notnull
{
    protected override ConcurrentDictionary<TKey, TValue> Make(ConcurrentDictionary<TKey, TValue> value) => new(value.Comparer);

    protected override void Fill(ConcurrentDictionary<TKey, TValue> value, ConcurrentDictionary<TKey, TValue> copy, CopyContext context)
    {
        foreach (var (key, item) in value)
            copy[Copier<TKey>.Copy(key, context)] = Copier<TValue>.Copy(item, context);
    }
}

internal sealed class SortedDictionaryCopier<TKey, TValue> : FilledCopier<SortedDictionary<TKey, TValue>>
    where TKey : notnull
{
    protected override SortedDictionary<TKey, TValue> Make(SortedDictionary<TKey, TValue> value) => new(value.Comparer);

    protected override void Fill(SortedDictionary<TKey, TValue> value, SortedDictionary<TKey, TValue> copy, CopyContext context)
    {
        foreach (var (key, item) in value)
            copy.Add(Copier<TKey>.Copy(key, context), Copier<TValue>.Copy(item, context));
    }
}

internal sealed class SortedListCopier<TKey, TValue> : FilledCopier<SortedList<TKey, TValue>>
    where TKey : notnull
{
    protected override SortedList<TKey, TValue> Make(SortedList<TKey, TValue> value) => new(value.Count, value.Comparer);

    protected override void Fill(SortedList<TKey, TValue> value, SortedList<TKey, TValue> copy, CopyContext context)
    {
        foreach (var (key, item) in value)
            copy.Add(Copier<TKey>.Copy(key, context), Copier<TValue>.Copy(item, context));
    }
}

internal sealed class HashSetCopier<T> : FilledCopier<HashSet<T>>
{
    protected override HashSet<T> Make(HashSet<T> value) => new(value.Count, value.Comparer);

    protected override void Fill(HashSet<T> value, HashSet<T> copy, CopyContext context)
    {
        foreach (var item in value)
            copy.Add(Copier<T>.Copy(item, context));
    }
}

internal sealed class SortedSetCopier<T> : FilledCopier<SortedSet<T>>
{
    protected override SortedSet<T> Make(SortedSet<T> value) => new(value.Comparer);

    protected override void Fill(SortedSet<T> value, SortedSet<T> copy, CopyContext context)
    {
        foreach (var item in value)
            copy.Add(Copier<T>.Copy(item, context));
    }
}

internal sealed class QueueCopier<T> : FilledCopier<Queue<T>>
{
    protected override Queue<T> Make(Queue<T> value) => new(value.Count);

    protected override void Fill(Queue<T> value, Queue<T> copy, CopyContext context)
    {
        foreach (var item in value)
            copy.Enqueue(Copier<T>.Copy(item, context));
    }
}

internal sealed class ConcurrentQueueCopier<T> : FilledCopier<ConcurrentQueue<T>>
{
    protected override ConcurrentQueue<T> Make(ConcurrentQueue<T> value) => new();

    protected override void Fill(ConcurrentQueue<T> value, ConcurrentQueue<T> copy, CopyContext context)
    {
        foreach (var item in value)
            copy.Enqueue(Copier<T>.Copy(item, context));
    }
}

internal sealed class StackCopier<T> : FilledCopier<Stack<T>>
{
    protected override Stack<T> Make(Stack<T> value) => new(value.Count);

    protected override void Fill(Stack<T> value, Stack<T> copy, CopyContext context)
    {
        foreach (var item in value.Reverse())
            copy.Push(Copier<T>.Copy(item, context));
    }
}

internal sealed class CollectionCopier<T> : FilledCopier<Collection<T>>
{
    protected override Collection<T> Make(Collection<T> value) => [];

    protected override void Fill(Collection<T> value, Collection<T> copy, CopyContext context)
    {
        foreach (var item in value)
            copy.Add(Copier<T>.Copy(item, context));
    }
}

internal sealed class ReadOnlyCollectionCopier<T> : TypeCopier<ReadOnlyCollection<T>>
{
    public override ReadOnlyCollection<T> Copy(ReadOnlyCollection<T> value, CopyContext context) =>
        context.TryGet(value, out var copy) ? copy : Remember(value, value.Select(item => Copier<T>.Copy(item, context)).ToArray().AsReadOnly(), context);

    private static ReadOnlyCollection<T> Remember(ReadOnlyCollection<T> value, ReadOnlyCollection<T> copy, CopyContext context)
    {
        context.Record(value, copy);
        return copy;
    }
}

internal sealed class ReadOnlyDictionaryCopier<TKey, TValue> : TypeCopier<ReadOnlyDictionary<TKey, TValue>>
    where TKey : notnull
{
    public override ReadOnlyDictionary<TKey, TValue> Copy(ReadOnlyDictionary<TKey, TValue> value, CopyContext context)
    {
        if (context.TryGet(value, out var copy))
            return copy;
        copy = new(value.ToDictionary(pair => Copier<TKey>.Copy(pair.Key, context), pair => Copier<TValue>.Copy(pair.Value, context)));
        context.Record(value, copy);
        return copy;
    }
}

internal sealed class ArrayCopier<T> : FilledCopier<T[]>
{
    private static readonly bool s_shallow = Copiers.IsShallow(typeof(T));

    protected override T[] Make(T[] value) => value.Length == 0 ? value : new T[value.Length];

    protected override void Fill(T[] value, T[] copy, CopyContext context)
    {
        if (s_shallow)
        {
            Array.Copy(value, copy, value.Length);
            return;
        }

        for (var i = 0; i < value.Length; i++)
            copy[i] = Copier<T>.Copy(value[i], context);
    }
}

internal sealed class MultiDimensionalCopier(Type element) : TypeCopier
{
    private readonly bool _shallow = Copiers.IsShallow(element);

    public override object CopyObject(object value, CopyContext context)
    {
        if (context.TryGet(value, out var known))
            return known;
        var source = (Array)value;
        var copy = (Array)source.Clone();
        context.Record(value, copy);
        if (_shallow)
            return copy;
        var indices = new int[source.Rank];
        foreach (var item in source)
        {
            copy.SetValue(item is null ? null : Copiers.For(item.GetType()).CopyObject(item, context), indices);
            for (var d = source.Rank - 1; d >= 0 && ++indices[d] == source.GetLength(d); d--)
                indices[d] = 0;
        }

        return copy;
    }
}

internal sealed class TupleCopier(Type type) : TypeCopier
{
    public override object CopyObject(object value, CopyContext context)
    {
        if (context.TryGet(value, out var known))
            return known;
        var tuple = (ITuple)value;
        var items = new object?[tuple.Length];
        for (var i = 0; i < items.Length; i++)
            items[i] = tuple[i] is { } item ? Copiers.For(item.GetType()).CopyObject(item, context) : null;
        var copy = Activator.CreateInstance(type, items)!;
        context.Record(value, copy);
        return copy;
    }
}

/// <summary>A grain passed as itself arrives as a reference to it.</summary>
internal sealed class GrainToReferenceCopier : TypeCopier
{
    public override object CopyObject(object value, CopyContext context) => value is IGrainObserver and not IGrainBase
        ? throw new NotSupportedException($"{value.GetType()} is an observer: pass what {nameof(IGrainFactory.CreateObjectReference)} makes of it.")
        : GrainExtensions.Reference((IAddressable)value);
}

internal sealed class BitArrayCopier : TypeCopier<BitArray>
{
    public override BitArray Copy(BitArray value, CopyContext context) => new(value);
}

internal sealed class NameValueCopier : TypeCopier<NameValueCollection>
{
    public override NameValueCollection Copy(NameValueCollection value, CopyContext context) => new(value);
}
