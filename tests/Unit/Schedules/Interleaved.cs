using System.Reflection;
using System.Runtime.ExceptionServices;

namespace HostService.Tests.Unit.Schedules;

/// <summary>Stands before a collaborator: each of its asynchronous calls goes through <see cref="Crossing.CallAsync"/>.</summary>
public class Interleaved<T> : DispatchProxy
    where T : class
{
    private static readonly MethodInfo WithResult =
        typeof(Interleaved<T>).GetMethod(nameof(CallWithResultAsync), BindingFlags.Instance | BindingFlags.NonPublic)!;

    private T _target = null!;
    private Crossing _crossing = null!;

    internal static T Around(T target, Crossing crossing)
    {
        var proxy = Create<T, Interleaved<T>>();
        (((Interleaved<T>)(object)proxy)._target, ((Interleaved<T>)(object)proxy)._crossing) = (target, crossing);
        return proxy;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        var returned = targetMethod!.ReturnType;
        if (returned == typeof(Task))
        {
            return _crossing.CallAsync(targetMethod.Name, async () =>
            {
                await (Task)Call(targetMethod, args)!;
                return 0;
            });
        }

        return returned.IsGenericType && returned.GetGenericTypeDefinition() == typeof(Task<>)
            ? WithResult.MakeGenericMethod(returned.GenericTypeArguments).Invoke(this, [targetMethod, args])
            : _crossing.IsOpen ? Call(targetMethod, args) : null;
    }

    private Task<TResult> CallWithResultAsync<TResult>(MethodInfo method, object?[]? arguments) =>
        _crossing.CallAsync(method.Name, () => (Task<TResult>)Call(method, arguments)!);

    private object? Call(MethodInfo method, object?[]? arguments)
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
