using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace HostService.Tests.Unit.Architecture;

/// <summary>What an assembly of ours refers to, read from the file itself: what compiled code really uses.</summary>
internal sealed record AssemblyFile(string Name, IReadOnlyList<string> References, IReadOnlyList<(string Assembly, string FullName)> Types)
{
    public static AssemblyFile Read(string name)
    {
        using var stream = File.OpenRead(Path.Combine(AppContext.BaseDirectory, name + ".dll"));
        using var file = new PEReader(stream);
        var metadata = file.GetMetadataReader();
        var references = metadata.AssemblyReferences.Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name));
        return new AssemblyFile(name, [.. references], [.. TypesOfOthers(metadata)]);
    }

    public Assembly Load() => Assembly.Load(new AssemblyName(Name));

    private static IEnumerable<(string Assembly, string FullName)> TypesOfOthers(MetadataReader metadata)
    {
        foreach (var type in metadata.TypeReferences.Select(metadata.GetTypeReference))
        {
            if (type.ResolutionScope.Kind == HandleKind.AssemblyReference)
            {
                var assembly = metadata.GetAssemblyReference((AssemblyReferenceHandle)type.ResolutionScope);
                yield return (metadata.GetString(assembly.Name), $"{metadata.GetString(type.Namespace)}.{metadata.GetString(type.Name)}");
            }
        }
    }
}
