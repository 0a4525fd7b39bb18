using System.Reflection;
using Orleans.CodeGeneration;
using Orleans.Concurrency;

namespace Orleans.Runtime;

/// <summary>What is known of a grain method before it is called.</summary>
internal sealed class MethodDescriptor
{
    public MethodDescriptor(Type interfaceType, MethodInfo method)
    {
        InterfaceType = interfaceType;
        Method = method;
        InterfaceName = method.DeclaringType!.FullName ?? method.DeclaringType.Name;
        ActivityName = $"{method.DeclaringType.Name}/{method.Name}";
        ResponseTimeout = method.GetCustomAttribute<ResponseTimeoutAttribute>()?.Timeout;
        var parameters = method.GetParameters();
        CancellationArgument = Array.FindIndex(parameters, p => p.ParameterType == typeof(CancellationToken));
        if (method.IsDefined(typeof(AlwaysInterleaveAttribute)))
            Options |= InvokeMethodOptions.AlwaysInterleave;
        if (method.IsDefined(typeof(ReadOnlyAttribute)))
            Options |= InvokeMethodOptions.ReadOnly;
        if (method.IsDefined(typeof(OneWayAttribute)))
            Options |= InvokeMethodOptions.OneWay;
    }

    public Type InterfaceType { get; }

    public MethodInfo Method { get; }

    public string MethodName => Method.Name;

    public string InterfaceName { get; }

    public string ActivityName { get; }

    public InvokeMethodOptions Options { get; }

    public TimeSpan? ResponseTimeout { get; }

    /// <summary>Index of the argument that cancels the call; −1 when there is none.</summary>
    public int CancellationArgument { get; }
}
