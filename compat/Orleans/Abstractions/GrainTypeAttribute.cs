using Orleans.Runtime;

namespace Orleans;

/// <summary>Names a grain class, whatever it is called in code.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
public sealed class GrainTypeAttribute : Attribute
{
    public GrainTypeAttribute(string grainType)
    {
        GrainType = GrainType.Create(grainType);
    }

    internal GrainType GrainType { get; }
}
