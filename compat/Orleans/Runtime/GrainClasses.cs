using System.Reflection;

namespace Orleans.Runtime;

/// <summary>Which grain classes there are, and which of them answers an interface.</summary>
internal sealed class GrainClasses
{
    private readonly Dictionary<GrainType, GrainClass> _byType = [];
    private readonly Dictionary<Type, List<GrainClass>> _byInterface = [];
    private readonly Dictionary<GrainInterfaceType, Type> _interfaces = [];

    public GrainClasses()
    {
        foreach (var type in ApplicationAssemblies.Types())
        {
            if (type is { IsInterface: true } && type != typeof(IGrain) && typeof(IAddressable).IsAssignableFrom(type))
                _interfaces.TryAdd(InterfaceTypeOf(type), type);
            if (type is { IsClass: true, IsAbstract: false, ContainsGenericParameters: false } && typeof(IGrain).IsAssignableFrom(type)
                && !typeof(GrainReference).IsAssignableFrom(type) && (typeof(Grain).IsAssignableFrom(type) || typeof(IGrainBase).IsAssignableFrom(type)))
                Add(type);
        }
    }

    /// <summary>Grain interfaces of the application.</summary>
    public IReadOnlyCollection<Type> Interfaces => _interfaces.Values;

    public static GrainInterfaceType InterfaceTypeOf(Type interfaceType) => GrainInterfaceType.Create(interfaceType.FullName ?? interfaceType.Name);

    public bool TryGet(GrainType type, out GrainClass grainClass) => _byType.TryGetValue(type, out grainClass!);

    public Type InterfaceOf(GrainInterfaceType type) =>
        _interfaces.TryGetValue(type, out var found) ? found : throw new ArgumentException($"There is no grain interface {type}.", nameof(type));

    /// <exception cref="ArgumentException">No class answers the interface, or several do and neither name nor prefix says which.</exception>
    public GrainType Resolve(Type interfaceType, string? prefix)
    {
        var candidates = _byInterface.GetValueOrDefault(interfaceType) ?? [];
        if (!string.IsNullOrWhiteSpace(prefix))
        {
            var named = candidates.Where(c => c.Type.FullName!.StartsWith(prefix, StringComparison.Ordinal)).ToList();
            return Single(named.Find(c => c.Type.FullName == prefix) is { } exact ? [exact] : named, $"{interfaceType} with implementation prefix \"{prefix}\"");
        }

        // The class that is named as its interface is, without the I, comes first.
        var byName = candidates.Find(c => interfaceType.Name.Length > 1 && c.Type.Name == interfaceType.Name[1..]);
        return Single(byName is null ? candidates : [byName], interfaceType.ToString());
    }

    private static GrainType Single(List<GrainClass> candidates, string what) => candidates switch
    {
        [var only] => only.GrainType,
        [] => throw new ArgumentException($"Could not find an implementation for interface {what}"),
        _ => throw new ArgumentException($"Unable to identify a single appropriate grain type for interface {what}. Candidates: {string.Join(", ", candidates.Select(c => c.Type))}"),
    };

    private static GrainType TypeOf(Type type)
    {
        if (type.GetCustomAttribute<GrainTypeAttribute>() is { } named)
            return named.GrainType;
        var name = type.Name.ToUpperInvariant().EndsWith("GRAIN", StringComparison.Ordinal) && type.Name.Length > 5 ? type.Name[..^5] : type.Name;
#pragma warning disable CA1308 // The names of grain types are lower case by convention.
        return GrainType.Create(name.ToLowerInvariant());
#pragma warning restore CA1308
    }

    private void Add(Type type)
    {
        var grainClass = new GrainClass(type, TypeOf(type));
        if (!_byType.TryAdd(grainClass.GrainType, grainClass))
        {
            throw new OrleansConfigurationException(
                $"{type} and {_byType[grainClass.GrainType].Type} are both grains of type \"{grainClass.GrainType}\": give one of them another name or a [GrainType].");
        }

        foreach (var grainInterface in type.GetInterfaces().Where(i => typeof(IGrain).IsAssignableFrom(i)))
        {
            if (!_byInterface.TryGetValue(grainInterface, out var classes))
                _byInterface[grainInterface] = classes = [];
            classes.Add(grainClass);
        }
    }
}
