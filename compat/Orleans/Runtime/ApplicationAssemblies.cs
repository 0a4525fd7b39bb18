using System.Collections.Concurrent;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Orleans.Runtime;

/// <summary>The assemblies in which grains may be: those of this application that refer to this one, loaded or not yet.</summary>
internal static class ApplicationAssemblies
{
    private static readonly string s_own = typeof(ApplicationAssemblies).Assembly.GetName().Name!;
    private static readonly Lazy<bool> s_load = new(LoadAll);
    private static readonly ConcurrentDictionary<Assembly, Type[]> s_types = new();

    /// <summary>All classes and interfaces of those assemblies.</summary>
    public static IEnumerable<Type> Types()
    {
        _ = s_load.Value;
        return AppDomain.CurrentDomain.GetAssemblies().Where(a => !a.IsDynamic && RefersToUs(a)).SelectMany(a => s_types.GetOrAdd(a, TypesOf));
    }

    private static bool RefersToUs(Assembly assembly) => Array.Exists(assembly.GetReferencedAssemblies(), r => r.Name == s_own);

    private static Type[] TypesOf(Assembly assembly)
    {
        try
        {
            return assembly.GetTypes();
        }
        catch (ReflectionTypeLoadException exception)
        {
            // A type whose base is in an assembly that is not there is no grain that anybody here can call.
            return [.. exception.Types.OfType<Type>()];
        }
    }

    // What the compiler found no use for is not loaded by itself, and yet its grains are to be found.
    private static bool LoadAll()
    {
        var loaded = AppDomain.CurrentDomain.GetAssemblies().Select(a => a.GetName().Name).ToHashSet();
        var trusted = (AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") as string)?.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries) ?? [];
        var files = trusted.Where(p => p.StartsWith(AppContext.BaseDirectory, StringComparison.Ordinal)).ToList();
        if (files.Count == 0)
        {
            LoadReferences(Assembly.GetEntryAssembly(), loaded);
            return true;
        }

        foreach (var path in files)
        {
            var name = Path.GetFileNameWithoutExtension(path);
            if (!loaded.Contains(name) && RefersToUs(path))
                Assembly.Load(new AssemblyName(name));
        }

        return true;
    }

    // A single-file application has no files to look into: its references are followed instead.
    private static void LoadReferences(Assembly? assembly, HashSet<string?> loaded)
    {
        foreach (var reference in assembly?.GetReferencedAssemblies() ?? [])
        {
            if (reference.Name is not { } name || name.StartsWith("System.", StringComparison.Ordinal) || name.StartsWith("Microsoft.", StringComparison.Ordinal))
                continue;
            if (!loaded.Add(name) && AppDomain.CurrentDomain.GetAssemblies().All(a => a.GetName().Name != name || !RefersToUs(a)))
                continue;
            var next = Assembly.Load(reference);
            if (RefersToUs(next) && loaded.Add(name + " walked"))
                LoadReferences(next, loaded);
        }
    }

    private static bool RefersToUs(string path)
    {
        using var file = File.OpenRead(path);
        using var image = new PEReader(file);
        if (!image.HasMetadata)
            return false;
        var metadata = image.GetMetadataReader();
        return metadata.AssemblyReferences.Any(r => metadata.StringComparer.Equals(metadata.GetAssemblyReference(r).Name, s_own));
    }
}
