using System.Collections.Concurrent;

namespace Orleans.Runtime;

/// <summary>Makes references that call through one runtime.</summary>
internal sealed class GrainFactory(CallRuntime runtime) : IGrainFactory
{
    private static readonly GrainType s_observer = GrainType.Create("sys.client.observer");

    private readonly ConcurrentDictionary<(Type Interface, string? Prefix), ReferenceMaker> _makers = new();
    private readonly ConcurrentDictionary<(Type Interface, GrainType Type), ReferenceMaker> _makersByType = new();

    public TGrainInterface GetGrain<TGrainInterface>(Guid primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithGuidKey => Get<TGrainInterface>(GrainIdKeyExtensions.CreateGuidKey(primaryKey), grainClassNamePrefix);

    public TGrainInterface GetGrain<TGrainInterface>(long primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithIntegerKey => Get<TGrainInterface>(GrainIdKeyExtensions.CreateIntegerKey(primaryKey), grainClassNamePrefix);

    public TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithStringKey => Get<TGrainInterface>(StringKey(primaryKey), grainClassNamePrefix);

    public TGrainInterface GetGrain<TGrainInterface>(Guid primaryKey, string keyExtension, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithGuidCompoundKey =>
        Get<TGrainInterface>(GrainIdKeyExtensions.CreateGuidKey(primaryKey, Extension(keyExtension)), grainClassNamePrefix);

    public TGrainInterface GetGrain<TGrainInterface>(long primaryKey, string keyExtension, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithIntegerCompoundKey =>
        Get<TGrainInterface>(GrainIdKeyExtensions.CreateIntegerKey(primaryKey, Extension(keyExtension)), grainClassNamePrefix);

    public IGrain GetGrain(Type grainInterfaceType, Guid grainPrimaryKey) => (IGrain)GetGrain(grainInterfaceType, GrainIdKeyExtensions.CreateGuidKey(grainPrimaryKey));

    public IGrain GetGrain(Type grainInterfaceType, long grainPrimaryKey) => (IGrain)GetGrain(grainInterfaceType, GrainIdKeyExtensions.CreateIntegerKey(grainPrimaryKey));

    public IGrain GetGrain(Type grainInterfaceType, string grainPrimaryKey) => (IGrain)GetGrain(grainInterfaceType, StringKey(grainPrimaryKey));

    public IGrain GetGrain(Type grainInterfaceType, Guid grainPrimaryKey, string keyExtension) =>
        (IGrain)GetGrain(grainInterfaceType, GrainIdKeyExtensions.CreateGuidKey(grainPrimaryKey, Extension(keyExtension)));

    public IGrain GetGrain(Type grainInterfaceType, long grainPrimaryKey, string keyExtension) =>
        (IGrain)GetGrain(grainInterfaceType, GrainIdKeyExtensions.CreateIntegerKey(grainPrimaryKey, Extension(keyExtension)));

    public TGrainInterface GetGrain<TGrainInterface>(GrainId grainId)
        where TGrainInterface : IAddressable => (TGrainInterface)(object)Refer(grainId, typeof(TGrainInterface));

    public IAddressable GetGrain(GrainId grainId) => ReferTo(grainId);

    public IAddressable GetGrain(GrainId grainId, GrainInterfaceType interfaceType) =>
        interfaceType.IsDefault ? ReferTo(grainId) : Refer(grainId, runtime.Silo.Classes.InterfaceOf(interfaceType));

    public IAddressable GetGrain(Type interfaceType, IdSpan grainKey, string grainClassNamePrefix) => Maker(interfaceType, grainClassNamePrefix).Make(grainKey);

    public IAddressable GetGrain(Type interfaceType, IdSpan grainKey) => Maker(interfaceType, null).Make(grainKey);

    public TGrainObserverInterface CreateObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver
    {
        ArgumentNullException.ThrowIfNull(obj);
        if (!typeof(TGrainObserverInterface).IsInterface)
            throw new ArgumentException($"{typeof(TGrainObserverInterface)} is not an interface.");
        if (obj is not TGrainObserverInterface)
            throw new ArgumentException($"The object does not implement {typeof(TGrainObserverInterface)}.", nameof(obj));
        RefuseGrains();
        if (obj is GrainReference or IGrainBase)
            throw new ArgumentException("A grain, and a reference to one, need no reference to them.", nameof(obj));
        var id = GrainId.Create(s_observer, GrainIdKeyExtensions.CreateGuidKey(Guid.NewGuid()));
        runtime.Silo.AddObserver(id, new Activation(runtime.Silo, new GrainClass(obj.GetType(), s_observer), id, obj));
        return (TGrainObserverInterface)(object)Refer(id, typeof(TGrainObserverInterface));
    }

    public void DeleteObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver
    {
        RefuseGrains();
        if (obj is not GrainReference { GrainId: var id } || id.Type != s_observer || !runtime.Silo.RemoveObserver(id))
            throw new ArgumentException("This is no reference to an object of this process.", nameof(obj));
    }

    public GrainReference Refer(GrainId grainId, Type interfaceType) =>
        _makersByType.GetOrAdd((interfaceType, grainId.Type), key => new ReferenceMaker(key.Interface, key.Type, runtime)).Make(grainId.Key);

    /// <summary>A reference with the interfaces of the grain's class, where there is one.</summary>
    public GrainReference ReferTo(GrainId grainId)
    {
        var classes = runtime.Silo.Classes;
        var main = classes.TryGet(grainId.Type, out var grainClass)
            ? Array.Find(grainClass.Type.GetInterfaces(), i => classes.Interfaces.Contains(i) && !IsKeyInterface(i)) ?? typeof(IGrain)
            : typeof(IAddressable);
        return Refer(grainId, main);
    }

    private static void RefuseGrains()
    {
        if (RuntimeContext.Current is Activation { IsObserver: false })
            throw new InvalidOperationException("References to objects are made and deleted outside of grains.");
    }

    private static bool IsKeyInterface(Type type) => type.Assembly == typeof(IGrain).Assembly;

    private static IdSpan StringKey(string key)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(key);
        return IdSpan.Create(key);
    }

    private static string? Extension(string? extension) =>
        extension is { Length: > 0 } && string.IsNullOrWhiteSpace(extension) ? throw new ArgumentException("A key extension is null or not blank.", nameof(extension)) : extension;

    private TGrainInterface Get<TGrainInterface>(IdSpan key, string? prefix) => (TGrainInterface)(object)Maker(typeof(TGrainInterface), prefix).Make(key);

    private ReferenceMaker Maker(Type interfaceType, string? prefix) => _makers.TryGetValue((interfaceType, prefix), out var maker)
        ? maker
        : _makers.GetOrAdd((interfaceType, prefix), key => new ReferenceMaker(key.Interface, runtime.Silo.Classes.Resolve(key.Interface, key.Prefix), runtime));
}

/// <summary>Makes references of one interface to grains of one type.</summary>
internal sealed class ReferenceMaker(Type interfaceType, GrainType grainType, CallRuntime runtime)
{
    private readonly GrainReferenceShared _shared = new(grainType, GrainClasses.InterfaceTypeOf(interfaceType), runtime);
    private readonly Func<GrainReferenceShared, IdSpan, GrainReference> _make = ProxyFactory.For(interfaceType);

    public GrainReference Make(IdSpan key) => _make(_shared, key);
}
