namespace Orleans.Serialization.Configuration;

/// <summary>Which types are known.</summary>
public sealed class TypeManifestOptions
{
    /// <summary>Interfaces whose signatures are checked at start, beside the application's grain interfaces.</summary>
    public HashSet<Type> Interfaces { get; } = [];

    /// <summary>Whether they are checked; by default they are.</summary>
    public bool? EnableConfigurationAnalysis { get; set; }
}
