using System.Collections.Concurrent;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Serialization.Invocation;

namespace Orleans.Runtime;

/// <summary>What is known of a grain class from its attributes.</summary>
internal sealed class GrainClass
{
    private readonly ConcurrentDictionary<MethodInfo, MethodInfo> _implementations = new();
    private readonly Lazy<(ObjectFactory Factory, ParameterInfo[] Facets)> _constructor;
    private readonly Func<IInvokable, bool>? _mayInterleave;

    public GrainClass(Type type, GrainType grainType)
    {
        Type = type;
        GrainType = grainType;
        IsReentrant = type.IsDefined(typeof(ReentrantAttribute), true);
        var workers = type.GetCustomAttribute<PlacementAttribute>()?.PlacementStrategy as StatelessWorkerPlacement;
        Workers = workers?.MaxLocal;
        RemovesIdleWorkers = workers is { RemoveIdleWorkers: true };
        var ageLimit = type.GetCustomAttribute<CollectionAgeLimitAttribute>();
        IsKeptAlive = type.IsDefined(typeof(KeepAliveAttribute), true) || ageLimit is { AlwaysActive: true };
        CollectionAge = ageLimit?.AgeLimit;
        if (type.GetCustomAttribute<MayInterleaveAttribute>() is { } interleave)
            _mayInterleave = Predicate(type, interleave.CallbackMethodName);
        _constructor = new(FindConstructor);
    }

    public Type Type { get; }

    public GrainType GrainType { get; }

    public bool IsReentrant { get; }

    /// <summary>At most so many activations of one id; null for grains of which there is one.</summary>
    public int? Workers { get; }

    public bool RemovesIdleWorkers { get; }

    public bool IsKeptAlive { get; }

    public TimeSpan? CollectionAge { get; }

    public bool MayInterleave(RequestBase request) => IsReentrant || _mayInterleave?.Invoke(request) == true;

    public object Create(Activation activation, IServiceProvider services)
    {
        var (factory, facets) = _constructor.Value;
        return factory(services, [.. facets.Select(f => PersistentStates.Create(activation, services, f))]);
    }

    /// <summary>The method of the class that answers an interface's.</summary>
    public MethodInfo Implementation(Type instanceType, MethodInfo interfaceMethod) => _implementations.GetOrAdd(interfaceMethod, method =>
    {
        if (!method.DeclaringType!.IsAssignableFrom(instanceType))
            return method;
        var map = instanceType.GetInterfaceMap(method.DeclaringType);
        return map.TargetMethods[Array.IndexOf(map.InterfaceMethods, method)];
    });

    private static Func<IInvokable, bool> Predicate(Type type, string name)
    {
        var method = type.GetMethod(name, BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.FlattenHierarchy)
            ?? throw new OrleansConfigurationException($"{type} names {name} in [MayInterleave], but has no such static method.");
        return method.CreateDelegate<Func<IInvokable, bool>>();
    }

    // Parameters that are persistent state come from the storage, all others from the activation's services.
    private (ObjectFactory Factory, ParameterInfo[] Facets) FindConstructor()
    {
        var facets = Type.GetConstructors()
            .Select(c => c.GetParameters().Where(p => p.IsDefined(typeof(PersistentStateAttribute))).ToArray())
            .MaxBy(f => f.Length) ?? [];
        return (ActivatorUtilities.CreateFactory(Type, [.. facets.Select(f => f.ParameterType)]), facets);
    }
}
