using System.Reflection;

namespace HostService.Silo.Cli;

/// <summary>The file that this process runs from.</summary>
internal static class ProgramFile
{
    /// <summary>
    /// For a process that goes on while an upgrade replaces the file: the runtime opens it again whenever it first needs another assembly
    /// of it.
    /// </summary>
    public static void LoadAllAssemblies()
    {
        var known = new HashSet<string>();
        var pending = new Queue<Assembly>(AppDomain.CurrentDomain.GetAssemblies());
        while (pending.TryDequeue(out var assembly))
        {
            foreach (var reference in assembly.GetReferencedAssemblies().Where(reference => known.Add(reference.FullName)))
            {
                try
                {
                    pending.Enqueue(Assembly.Load(reference));
                }
                catch (Exception exception) when (exception is IOException or BadImageFormatException)
                {
                    // Referenced, but not delivered: nothing here uses it.
                }
            }
        }
    }
}
