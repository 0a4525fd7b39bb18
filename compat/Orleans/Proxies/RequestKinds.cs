using System.Reflection;

namespace Orleans.Runtime;

/// <summary>Which request class and which way of sending belong to a return type.</summary>
internal static class RequestKinds
{
    private const BindingFlags Internal = BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    public static bool IsSupported(Type returnType) => returnType == typeof(void) || returnType == typeof(Task) || returnType == typeof(ValueTask)
        || (returnType.IsGenericType && Generic(returnType) is not null);

    /// <summary>The type of a call's result; null where it has none.</summary>
    public static Type? ResultOf(Type returnType) => returnType.IsGenericType ? returnType.GetGenericArguments()[0] : null;

    public static Type BaseFor(Type returnType)
    {
        if (returnType == typeof(void))
            return typeof(VoidRequest);
        if (returnType == typeof(Task))
            return typeof(TaskRequest);
        if (returnType == typeof(ValueTask))
            return typeof(Request);
        return Generic(returnType)?.MakeGenericType(returnType.GetGenericArguments())
            ?? throw new NotSupportedException($"A grain method returns Task, ValueTask, IAsyncEnumerable or void, not {returnType}.");
    }

    /// <summary>The overload of <c>GrainReference.Send</c> that takes the kind.</summary>
    public static MethodInfo SendFor(Type returnType)
    {
        var requestType = BaseFor(returnType);
        if (!requestType.IsGenericType)
            return typeof(GrainReference).GetMethod("Send", Internal, [requestType])!;
        return typeof(GrainReference).GetMethods(Internal)
            .Single(m => m is { Name: "Send", IsGenericMethodDefinition: true } && m.GetParameters()[0].ParameterType.GetGenericTypeDefinition() == requestType.GetGenericTypeDefinition())
            .MakeGenericMethod(returnType.GetGenericArguments());
    }

    private static Type? Generic(Type returnType)
    {
        var definition = returnType.GetGenericTypeDefinition();
        return definition == typeof(Task<>) ? typeof(TaskRequest<>)
            : definition == typeof(ValueTask<>) ? typeof(Request<>)
            : definition == typeof(IAsyncEnumerable<>) ? typeof(AsyncEnumerableRequest<>)
            : null;
    }
}
