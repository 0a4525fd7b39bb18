using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Core;
using Orleans.Providers;
using Orleans.Storage;

namespace Orleans.Runtime;

/// <summary>State that a grain takes in its constructor; read before activation.</summary>
public interface IPersistentState<TState> : IStorage<TState>
{
}

/// <summary>Which state, and in which storage.</summary>
public interface IPersistentStateConfiguration
{
    string StateName { get; }

    string? StorageName { get; }
}

/// <summary>Asks for an <see cref="IPersistentState{TState}"/> in a grain's constructor.</summary>
[AttributeUsage(AttributeTargets.Parameter)]
public class PersistentStateAttribute : Attribute, IPersistentStateConfiguration
{
    public PersistentStateAttribute(string stateName, string? storageName = null)
    {
        StateName = stateName;
        StorageName = storageName;
    }

    public string StateName { get; }

    public string? StorageName { get; }
}

/// <summary>Makes what grain constructors ask for.</summary>
internal static class PersistentStates
{
    private static readonly MethodInfo s_create = typeof(PersistentStates).GetMethod(nameof(CreateTyped), BindingFlags.Static | BindingFlags.NonPublic)!;

    public static object Create(Activation activation, IServiceProvider services, ParameterInfo parameter)
    {
        if (!parameter.ParameterType.IsGenericType || parameter.ParameterType.GetGenericTypeDefinition() != typeof(IPersistentState<>))
            throw new OrleansConfigurationException($"{parameter.Member.DeclaringType}: [PersistentState] belongs on a parameter of type IPersistentState<T>.");
        return s_create.MakeGenericMethod(parameter.ParameterType.GetGenericArguments())
            .Invoke(null, BindingFlags.DoNotWrapExceptions, null, [activation, services, parameter.GetCustomAttribute<PersistentStateAttribute>()], null)!;
    }

    public static IGrainStorage Storage(IServiceProvider services, string? name, Type grainType) =>
        (string.IsNullOrEmpty(name) ? services.GetService<IGrainStorage>() : null)
        ?? services.GetKeyedService<IGrainStorage>(string.IsNullOrEmpty(name) ? ProviderConstants.DEFAULT_STORAGE_PROVIDER_NAME : name)
        ?? throw new OrleansConfigurationException(
            $"No storage provider named \"{(string.IsNullOrEmpty(name) ? ProviderConstants.DEFAULT_STORAGE_PROVIDER_NAME : name)}\" found loading grain type {grainType.FullName}.");

    public static T New<T>() => typeof(T).IsValueType || typeof(T) == typeof(string) || typeof(T).GetConstructor(Type.EmptyTypes) is null
        ? default!
        : Activator.CreateInstance<T>();

    private static PersistentState<TState> CreateTyped<TState>(Activation activation, IServiceProvider services, PersistentStateAttribute attribute)
    {
        var state = new PersistentState<TState>(Storage(services, attribute.StorageName, activation.Class.Type), attribute.StateName, activation.GrainId);
        activation.ObservableLifecycle.Subscribe(
            $"state {attribute.StateName}", GrainLifecycleStage.SetupState, _ => state.ReadStateAsync());
        return state;
    }
}

/// <summary>One grain's piece of state, and where it is kept.</summary>
internal sealed class PersistentState<TState>(IGrainStorage storage, string name, GrainId grainId) : IPersistentState<TState>, IGrainState<TState>
{
    public TState State { get; set; } = PersistentStates.New<TState>();

    public string? Etag { get; private set; }

    public bool RecordExists { get; private set; }

    TState? IGrainState<TState>.State
    {
        get => State;
        set => State = value!;
    }

    string? IGrainState<TState>.ETag
    {
        get => Etag;
        set => Etag = value;
    }

    bool IGrainState<TState>.RecordExists
    {
        get => RecordExists;
        set => RecordExists = value;
    }

    public Task ReadStateAsync() => storage.ReadStateAsync(name, grainId, this);

    public Task WriteStateAsync() => storage.WriteStateAsync(name, grainId, this);

    public Task ClearStateAsync() => storage.ClearStateAsync(name, grainId, this);
}
