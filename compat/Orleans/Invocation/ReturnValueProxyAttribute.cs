namespace Orleans.Invocation;

/// <summary>Tells the real code generator that a proxy returns the request itself, made ready by the named method.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class ReturnValueProxyAttribute : Attribute
{
    public ReturnValueProxyAttribute(string initializerMethodName)
    {
        InitializerMethodName = initializerMethodName;
    }

    public string InitializerMethodName { get; }
}
