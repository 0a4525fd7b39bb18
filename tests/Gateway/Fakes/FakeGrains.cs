using System.Collections.Concurrent;
using System.Reflection;
using HostService.GrainInterfaces;
using HostService.GrainInterfaces.Fleet;

namespace HostService.Tests.Gateway.Fakes;

/// <summary>One call of a grain, as the gateway made it.</summary>
public sealed record GrainCall(string Grain, string Key, string Method, IReadOnlyList<object?> Arguments)
{
    public T Argument<T>() => Arguments.OfType<T>().Single();
}

/// <summary>Grains that record what they are asked and answer what a test says; a method that a test said nothing of fails.</summary>
public sealed class FakeGrains
{
    private readonly ConcurrentDictionary<(string Grain, string Method), Func<GrainCall, Task>> _answers = new();
    private readonly ConcurrentQueue<GrainCall> _calls = new();
    private Func<GrainCall, IAsyncEnumerable<byte[]>>? _logs;

    public FakeGrains()
    {
        var factory = DispatchProxy.Create<IGrainFactory, FactoryProxy>();
        ((FactoryProxy)(object)factory).Grains = this;
        Factory = factory;
    }

    public IGrainFactory Factory { get; }

    public IReadOnlyCollection<GrainCall> Calls => _calls;

    public IEnumerable<GrainCall> CallsOf(string method) => _calls.Where(c => c.Method == method);

    /// <summary>A mandelbox's answer to a method.</summary>
    public FakeGrains Mandelbox<T>(string method, Func<GrainCall, Task<T>> answer) => On(nameof(IMandelboxGrain), method, answer);

    public FakeGrains Mandelbox<T>(string method, T answer) => Mandelbox(method, _ => Task.FromResult(answer));

    /// <summary>The host's answer to a method.</summary>
    public FakeGrains Host<T>(string method, Func<GrainCall, Task<T>> answer) => On(nameof(IHostGrain), method, answer);

    public FakeGrains Host<T>(string method, T answer) => Host(method, _ => Task.FromResult(answer));

    /// <summary>The answer of a fleet's grain to a method.</summary>
    public FakeGrains Fleet<T>(string method, Func<GrainCall, Task<T>> answer) => On(nameof(IFleetGrain), method, answer);

    /// <summary>The answer of a fleet's rollout to a method.</summary>
    public FakeGrains Rollout<T>(string method, Func<GrainCall, Task<T>> answer) => On(nameof(IFleetRolloutGrain), method, answer);

    /// <summary>What mandelboxes have written.</summary>
    public FakeGrains Logs(Func<GrainCall, IAsyncEnumerable<byte[]>> logs)
    {
        _logs = logs;
        return this;
    }

    public FakeGrains Doctor(DoctorReport report) =>
        On(nameof(IDoctorGrain), nameof(IDoctorGrain.Examine), _ => Task.FromResult(report));

    private FakeGrains On(string grain, string method, Func<GrainCall, Task> answer)
    {
        _answers[(grain, method)] = answer;
        return this;
    }

    private object Answer(GrainCall call)
    {
        _calls.Enqueue(call);
        if (call.Grain == nameof(IMandelboxLogGrain) && _logs is not null)
        {
            return _logs(call);
        }

        return _answers.TryGetValue((call.Grain, call.Method), out var answer)
            ? answer(call)
            : throw new InvalidOperationException($"No answer was prepared for {call.Grain}.{call.Method}.");
    }

    /// <summary>Answers <c>GetGrain</c> by a string key.</summary>
    public class FactoryProxy : DispatchProxy
    {
        internal FakeGrains Grains { get; set; } = null!;

        protected override object Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            if (targetMethod is not { Name: "GetGrain", IsGenericMethod: true } || args is not [string key, ..])
            {
                throw new NotSupportedException($"The gateway finds grains by string keys, not by {targetMethod}.");
            }

            var type = targetMethod.GetGenericArguments()[0];
            var grain = Create(type, typeof(GrainProxy));
            var proxy = (GrainProxy)grain;
            (proxy.Grains, proxy.Grain, proxy.Key) = (Grains, type.Name, key);
            return grain;
        }
    }

    /// <summary>One grain.</summary>
    public class GrainProxy : DispatchProxy
    {
        internal FakeGrains Grains { get; set; } = null!;

        internal string Grain { get; set; } = "";

        internal string Key { get; set; } = "";

        protected override object Invoke(MethodInfo? targetMethod, object?[]? args) =>
            Grains.Answer(new GrainCall(Grain, Key, targetMethod!.Name, args ?? []));
    }
}
