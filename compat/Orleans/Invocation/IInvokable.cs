using System.Reflection;

namespace Orleans.Serialization.Invocation;

/// <summary>A call as an object: whom, what, with what.</summary>
public interface IInvokable : IDisposable
{
    object? GetTarget();

    void SetTarget(ITargetHolder holder);

    ValueTask<Response> Invoke();

    int GetArgumentCount();

    object? GetArgument(int index);

    void SetArgument(int index, object value);

    string GetMethodName();

    string GetInterfaceName();

    string GetActivityName();

    MethodInfo GetMethod();

    Type GetInterfaceType();

    TimeSpan? GetDefaultResponseTimeout() => default;

    CancellationToken GetCancellationToken() => default;

    bool TryCancel() => false;

    bool IsCancellable => false;
}

/// <summary>Where a call's target is found.</summary>
public interface ITargetHolder
{
    object? GetTarget();

    object? GetComponent(Type componentType);
}
