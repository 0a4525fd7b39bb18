namespace Orleans.Concurrency;

/// <summary>Names a static method <c>bool (IInvokable)</c> of the grain class that says which calls may interleave.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class MayInterleaveAttribute : Attribute
{
    public MayInterleaveAttribute(string callbackMethodName)
    {
        CallbackMethodName = callbackMethodName;
    }

    internal string CallbackMethodName { get; }
}
