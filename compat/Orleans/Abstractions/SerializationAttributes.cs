namespace Orleans;

/// <summary>Marks a type that may cross a grain call.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Enum)]
public sealed class GenerateSerializerAttribute : Attribute
{
    public bool IncludePrimaryConstructorParameters { get; init; }

    public GenerateFieldIds GenerateFieldIds { get; init; } = GenerateFieldIds.None;
}

/// <summary>Whether members without an <see cref="IdAttribute"/> get one by themselves.</summary>
public enum GenerateFieldIds
{
    None,
    PublicProperties,
}

/// <summary>Numbers a member that crosses a grain call; a member without one does not cross.</summary>
[AttributeUsage(AttributeTargets.Field | AttributeTargets.Property | AttributeTargets.Parameter | AttributeTargets.Class
    | AttributeTargets.Struct | AttributeTargets.Enum | AttributeTargets.Method)]
public sealed class IdAttribute : Attribute
{
    public IdAttribute(uint id)
    {
        Id = id;
    }

    public uint Id { get; }
}

/// <summary>A name on the wire that outlives renames. One process has no wire, so it changes nothing here.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Interface | AttributeTargets.Struct | AttributeTargets.Enum | AttributeTargets.Method,
    AllowMultiple = true)]
public sealed class AliasAttribute : Attribute
{
    public AliasAttribute(string alias)
    {
        Alias = alias;
    }

    public string Alias { get; }
}

/// <summary>A value that nobody changes once it is made: it crosses a call without being copied.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Field | AttributeTargets.Property
    | AttributeTargets.Parameter | AttributeTargets.ReturnValue, Inherited = false)]
public sealed class ImmutableAttribute : Attribute
{
}

/// <summary>How long a caller of this method waits for its answer.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ResponseTimeoutAttribute : Attribute
{
    public ResponseTimeoutAttribute(string timeout)
    {
        Timeout = TimeSpan.Parse(timeout);
    }

    public TimeSpan? Timeout { get; init; }
}

/// <summary>Tells the real code generator what reference class to build for an interface; proxies are made at run time here.</summary>
[AttributeUsage(AttributeTargets.Interface, AllowMultiple = true)]
public sealed class GenerateMethodSerializersAttribute : Attribute
{
    public GenerateMethodSerializersAttribute(Type proxyBase, bool isExtension = false)
    {
        ProxyBase = proxyBase;
        IsExtension = isExtension;
    }

    public Type ProxyBase { get; }

    public bool IsExtension { get; }
}

/// <summary>Tells the real code generator to call a method on each request of the marked kind.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
public sealed class InvokableCustomInitializerAttribute : Attribute
{
    public InvokableCustomInitializerAttribute(string methodName, object methodArgumentValue)
    {
        MethodName = methodName;
        MethodArgumentValue = methodArgumentValue;
    }

    public string MethodName { get; }

    public object? MethodArgumentValue { get; }
}

/// <summary>Values of this type are never the same object twice in one graph.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class SuppressReferenceTrackingAttribute : Attribute
{
}

/// <summary>A base class that has nothing of its own to copy.</summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class SerializerTransparentAttribute : Attribute
{
}

/// <summary>Tells the real code generator which request class a return type calls for; <c>RequestKinds</c> knows it here.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
public sealed class DefaultInvokableBaseTypeAttribute : Attribute
{
    public DefaultInvokableBaseTypeAttribute(Type returnType, Type invokableBaseType)
    {
        ReturnType = returnType;
        InvokableBaseType = invokableBaseType;
    }

    public Type ReturnType { get; }

    public Type InvokableBaseType { get; }
}
