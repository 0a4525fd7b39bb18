namespace System.Runtime.CompilerServices;

/// <summary>The runtime knows it by its name: the assembly that bears it may use what is internal to the one it names. Proxies of internal interfaces need it.</summary>
[AttributeUsage(AttributeTargets.Assembly, AllowMultiple = true)]
internal sealed class IgnoresAccessChecksToAttribute(string assemblyName) : Attribute
{
    public string AssemblyName { get; } = assemblyName;
}
