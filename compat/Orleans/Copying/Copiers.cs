using System.Collections;
using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Collections.ObjectModel;
using System.Collections.Specialized;
using System.Globalization;
using System.Net;
using System.Numerics;
using System.Reflection;
using System.Text;
using Orleans.Concurrency;
using Orleans.Runtime;

namespace Orleans.Serialization;

/// <summary>Finds or makes the copier of a type. What may be copied depends on the types alone, so the copiers are shared by all silos of a process.</summary>
internal static class Copiers
{
    private static readonly ConcurrentDictionary<Type, TypeCopier> s_copiers = new();
    private static readonly ConcurrentDictionary<Type, bool> s_shallow = new();

    private static readonly HashSet<Type> s_simple =
    [
        typeof(string), typeof(decimal), typeof(DateTime), typeof(DateTimeOffset), typeof(TimeSpan), typeof(DateOnly), typeof(TimeOnly), typeof(Guid),
        typeof(Uri), typeof(Version), typeof(CultureInfo), typeof(CompareInfo), typeof(IPAddress), typeof(IPEndPoint), typeof(BigInteger), typeof(Int128), typeof(UInt128),
        typeof(Half), typeof(Rune), typeof(CancellationToken), typeof(BitVector32), typeof(NoResult), typeof(Type),
    ];

    private static readonly HashSet<Type> s_immutableContainers =
    [
        typeof(Nullable<>), typeof(KeyValuePair<,>), typeof(Tuple<>), typeof(Tuple<,>), typeof(Tuple<,,>), typeof(Tuple<,,,>), typeof(Tuple<,,,,>),
        typeof(ValueTuple<>), typeof(ValueTuple<,>), typeof(ValueTuple<,,>), typeof(ValueTuple<,,,>), typeof(ValueTuple<,,,,>), typeof(ValueTuple<,,,,,>),
        typeof(ValueTuple<,,,,,,>), typeof(ImmutableArray<>), typeof(ImmutableList<>), typeof(ImmutableHashSet<>), typeof(ImmutableSortedSet<>),
        typeof(ImmutableQueue<>), typeof(ImmutableStack<>), typeof(ImmutableDictionary<,>), typeof(ImmutableSortedDictionary<,>),
    ];

    private static readonly Dictionary<Type, Type> s_generic = new()
    {
        [typeof(Nullable<>)] = typeof(NullableCopier<>),
        [typeof(List<>)] = typeof(ListCopier<>),
        [typeof(Dictionary<,>)] = typeof(DictionaryCopier<,>),
        [typeof(HashSet<>)] = typeof(HashSetCopier<>),
        [typeof(Queue<>)] = typeof(QueueCopier<>),
        [typeof(Stack<>)] = typeof(StackCopier<>),
        [typeof(SortedDictionary<,>)] = typeof(SortedDictionaryCopier<,>),
        [typeof(SortedList<,>)] = typeof(SortedListCopier<,>),
        [typeof(SortedSet<>)] = typeof(SortedSetCopier<>),
        [typeof(ConcurrentDictionary<,>)] = typeof(ConcurrentDictionaryCopier<,>),
        [typeof(ConcurrentQueue<>)] = typeof(ConcurrentQueueCopier<>),
        [typeof(Collection<>)] = typeof(CollectionCopier<>),
        [typeof(ReadOnlyCollection<>)] = typeof(ReadOnlyCollectionCopier<>),
        [typeof(ReadOnlyDictionary<,>)] = typeof(ReadOnlyDictionaryCopier<,>),
        [typeof(KeyValuePair<,>)] = typeof(KeyValuePairCopier<,>),
        [typeof(ImmutableArray<>)] = typeof(ImmutableArrayCopier<>),
        [typeof(ImmutableList<>)] = typeof(ImmutableListCopier<>),
        [typeof(ImmutableHashSet<>)] = typeof(ImmutableHashSetCopier<>),
        [typeof(ImmutableSortedSet<>)] = typeof(ImmutableSortedSetCopier<>),
        [typeof(ImmutableQueue<>)] = typeof(ImmutableQueueCopier<>),
        [typeof(ImmutableStack<>)] = typeof(ImmutableStackCopier<>),
        [typeof(ImmutableDictionary<,>)] = typeof(ImmutableDictionaryCopier<,>),
        [typeof(ImmutableSortedDictionary<,>)] = typeof(ImmutableSortedDictionaryCopier<,>),
        [typeof(ReadOnlyMemory<>)] = typeof(ReadOnlyMemoryCopier<>),
        [typeof(Memory<>)] = typeof(MemoryCopier<>),
        [typeof(ArraySegment<>)] = typeof(ArraySegmentCopier<>),
    };

    /// <summary>The copier of a runtime type.</summary>
    /// <exception cref="CodecNotFoundException">The type may not cross a call.</exception>
    public static TypeCopier For(Type type) => s_copiers.TryGetValue(type, out var copier) ? copier : s_copiers.GetOrAdd(type, Make(type));

    /// <summary>Whether values declared so may be passed without a copy.</summary>
    public static bool IsShallow(Type type) => s_shallow.TryGetValue(type, out var shallow) ? shallow : s_shallow[type] = WorkOutShallow(type);

    /// <summary>Whether a value declared so can only be of that very type.</summary>
    public static bool IsExact(Type type) => type.IsValueType || (type.IsSealed && !type.IsArray && IsCarried(type));

    /// <summary>Whether something knows how to copy values of this very type.</summary>
    public static bool IsCarried(Type type)
    {
        if (IsShallow(type) || type.IsArray || typeof(IAddressable).IsAssignableFrom(type))
            return true;
        if (type.IsGenericType && (s_generic.ContainsKey(type.GetGenericTypeDefinition()) || IsTuple(type)))
            return true;
        return type.IsDefined(typeof(GenerateSerializerAttribute), false) || type == typeof(object) || type == typeof(BitArray) || type == typeof(NameValueCollection);
    }

    public static bool IsTuple(Type type) =>
        type.IsGenericType && type.Namespace == "System" && (type.Name.StartsWith("Tuple`", StringComparison.Ordinal) || type.Name.StartsWith("ValueTuple`", StringComparison.Ordinal));

    private static bool WorkOutShallow(Type type)
    {
        if (type.IsPrimitive || type.IsEnum || s_simple.Contains(type) || typeof(Exception).IsAssignableFrom(type) || typeof(GrainReference).IsAssignableFrom(type))
            return true;
        if (typeof(Type).IsAssignableFrom(type) || typeof(IPAddress).IsAssignableFrom(type) || typeof(CultureInfo).IsAssignableFrom(type))
            return true;
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Immutable<>))
            return true;
        if ((type.IsSealed || type.IsValueType) && type.IsDefined(typeof(ImmutableAttribute), false))
            return true;
        if (type.IsGenericType && s_immutableContainers.Contains(type.GetGenericTypeDefinition()))
            return Array.TrueForAll(type.GetGenericArguments(), IsShallow);

        // A value is copied by assignment: it needs more only where a field leads to something mutable.
        return type.IsValueType && type.IsDefined(typeof(GenerateSerializerAttribute), false)
            && Array.TrueForAll(type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic), f => IsShallow(f.FieldType));
    }

    private static TypeCopier Make(Type type)
    {
        if (IsShallow(type) || type == typeof(object) || type.IsDefined(typeof(ImmutableAttribute), false))
            return Create(typeof(ShallowCopier<>), type);
        if (type.IsArray)
        {
            var element = type.GetElementType()!;
            return type.IsSZArray ? Create(typeof(ArrayCopier<>), element) : new MultiDimensionalCopier(element);
        }

        if (type.IsGenericType && s_generic.TryGetValue(type.GetGenericTypeDefinition(), out var known))
            return Create(known, type.GetGenericArguments());
        if (IsTuple(type))
            return type.IsValueType ? MemberCopiers.Make(type, MemberCopiers.AllFields(type)) : new TupleCopier(type);
        if (typeof(IAddressable).IsAssignableFrom(type))
            return new GrainToReferenceCopier();
        if (type == typeof(BitArray))
            return new BitArrayCopier();
        if (type == typeof(NameValueCollection))
            return new NameValueCopier();
        if (type.IsDefined(typeof(GenerateSerializerAttribute), false) && !type.IsAbstract)
            return MemberCopiers.Make(type, MemberCopiers.NumberedMembers(type));
        throw new CodecNotFoundException(
            $"Could not find a copier for type {type}. A type of your own takes [GenerateSerializer] and an [Id(n)] per member; one of somebody else's is to be turned into one of your own.");
    }

    private static TypeCopier Create(Type generic, params Type[] arguments) => (TypeCopier)Activator.CreateInstance(generic.MakeGenericType(arguments))!;
}
