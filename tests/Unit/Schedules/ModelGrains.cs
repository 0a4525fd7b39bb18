using System.Reflection;
using HostService.GrainInterfaces;

namespace HostService.Tests.Unit.Schedules;

/// <summary>Grains without a silo: real grain objects, each call interleaved with all others.</summary>
public class ModelGrains : DispatchProxy
{
    private readonly Dictionary<(Type, string), object> _grains = [];
    private ScheduledHost _host = null!;
    private Func<Type, object> _make = null!;

    internal static IGrainFactory Create(ScheduledHost host, Func<Type, object> make)
    {
        var factory = Create<IGrainFactory, ModelGrains>();
        (((ModelGrains)(object)factory)._host, ((ModelGrains)(object)factory)._make) = (host, make);
        return factory;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        if (targetMethod is not { Name: "GetGrain", IsGenericMethod: true } || args is not [string key, ..])
        {
            throw new NotSupportedException($"{targetMethod} is not modelled.");
        }

        var type = targetMethod.GetGenericArguments()[0];
        if (!_grains.TryGetValue((type, key), out var grain))
        {
            var made = (Grain)_make(type);
            Attach(made, key, (IGrainFactory)(object)this);
            made.OnActivateAsync(CancellationToken.None).GetAwaiter().GetResult();

            // A call of a mandelbox is not lost: its callers are the gateway and the events, which repeat themselves.
            grain = type == typeof(IHostGrain)
                ? Interleaved<IHostGrain>.Around((IHostGrain)made, new Crossing(_host, message => new TimeoutException(message)))
                : Interleaved<IMandelboxGrain>.Around((IMandelboxGrain)made, new Crossing(_host, null)
                {
                    Drops = _host.Defect == Defect.OverlooksEndOfSandbox ? nameof(IMandelboxGrain.SandboxEnded) : null,
                });
            _grains.Add((type, key), grain);
        }

        return grain;
    }

    /// <summary>What a silo gives a grain: its id, and the way to others.</summary>
    internal static void Attach(Grain grain, string key, IGrainFactory factory)
    {
        var context = Create<IGrainContext, Answers>();
        ((Answers)(object)context).Values["get_GrainId"] = GrainId.Create("modelled", key);
        var runtime = Create<IGrainRuntime, Answers>();
        ((Answers)(object)runtime).Values["get_GrainFactory"] = factory;
        Set("GrainContext", context);
        Set("Runtime", runtime);

        void Set(string property, object value) =>
            typeof(Grain).GetField($"<{property}>k__BackingField", BindingFlags.Instance | BindingFlags.NonPublic)!.SetValue(grain, value);
    }

    /// <summary>Answers what it was told to, and nothing to all else.</summary>
    public class Answers : DispatchProxy
    {
        internal Dictionary<string, object> Values { get; } = [];

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => Values.GetValueOrDefault(targetMethod!.Name);
    }
}
