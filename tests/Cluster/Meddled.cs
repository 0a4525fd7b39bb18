using System.Reflection;
using System.Runtime.ExceptionServices;

namespace HostService.Tests.Cluster;

/// <summary>What a test does to calls of collaborators, each once.</summary>
internal sealed class Meddling
{
    private readonly Lock _gate = new();
    private readonly List<(string Method, int Earlier, Func<object?[], Task> Before, Func<object?[], Task> After)> _planned = [];
    private readonly Dictionary<string, int> _calls = new(StringComparer.Ordinal);

    /// <summary>Whether everything that was planned has happened.</summary>
    public bool IsOver
    {
        get
        {
            lock (_gate)
            {
                return _planned.Count == 0;
            }
        }
    }

    /// <summary>Makes a call fail.</summary>
    /// <param name="earlier">How many calls of it come first.</param>
    /// <param name="isDone">Whether it does its work all the same.</param>
    public void Fail(string method, int earlier, bool isDone)
    {
        Task FailNow(object?[] arguments) => Task.FromException(new IOException($"{method} fails because the test asked for it."));
        Plan(method, earlier, isDone ? null : FailNow, isDone ? FailNow : null);
    }

    public void Before(string method, Func<object?[], Task> act, int earlier = 0) => Plan(method, earlier, act, null);

    internal (Func<object?[], Task> Before, Func<object?[], Task> After) Take(string method)
    {
        lock (_gate)
        {
            var number = _calls[method] = _calls.GetValueOrDefault(method) + 1;
            var found = _planned.FindIndex(p => p.Method == method && p.Earlier == number - 1);
            if (found < 0)
            {
                return (Nothing, Nothing);
            }

            var (_, _, before, after) = _planned[found];
            _planned.RemoveAt(found);
            return (before, after);
        }
    }

    private static Task Nothing(object?[] arguments) => Task.CompletedTask;

    private void Plan(string method, int earlier, Func<object?[], Task>? before, Func<object?[], Task>? after)
    {
        lock (_gate)
        {
            _planned.Add((method, _calls.GetValueOrDefault(method) + earlier, before ?? Nothing, after ?? Nothing));
        }
    }
}

/// <summary>Stands before a collaborator.</summary>
public class Meddled<T> : DispatchProxy
    where T : class
{
    private static readonly MethodInfo WithResult =
        typeof(Meddled<T>).GetMethod(nameof(CallWithResultAsync), BindingFlags.Instance | BindingFlags.NonPublic)!;

    private T _target = null!;
    private Meddling _meddling = null!;

    internal static T Around(T target, Meddling meddling)
    {
        var proxy = Create<T, Meddled<T>>();
        (((Meddled<T>)(object)proxy)._target, ((Meddled<T>)(object)proxy)._meddling) = (target, meddling);
        return proxy;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        var (method, arguments) = (targetMethod!, args ?? []);
        if (method.ReturnType == typeof(Task))
        {
            return CallAsync(method, arguments, async () =>
            {
                await (Task)Call(method, arguments)!;
                return 0;
            });
        }

        if (method.ReturnType.IsGenericType && method.ReturnType.GetGenericTypeDefinition() == typeof(Task<>))
        {
            return WithResult.MakeGenericMethod(method.ReturnType.GenericTypeArguments).Invoke(this, [method, arguments]);
        }

        var (before, after) = _meddling.Take(method.Name);
        before(arguments).GetAwaiter().GetResult();
        var result = Call(method, arguments);
        after(arguments).GetAwaiter().GetResult();
        return result;
    }

    private Task<TResult> CallWithResultAsync<TResult>(MethodInfo method, object?[] arguments) =>
        CallAsync(method, arguments, () => (Task<TResult>)Call(method, arguments)!);

    private async Task<TResult> CallAsync<TResult>(MethodInfo method, object?[] arguments, Func<Task<TResult>> call)
    {
        var (before, after) = _meddling.Take(method.Name);
        await before(arguments);
        var result = await call();
        await after(arguments);
        return result;
    }

    private object? Call(MethodInfo method, object?[] arguments)
    {
        try
        {
            return method.Invoke(_target, arguments);
        }
        catch (TargetInvocationException exception)
        {
            ExceptionDispatchInfo.Throw(exception.InnerException!);
            throw;
        }
    }
}
