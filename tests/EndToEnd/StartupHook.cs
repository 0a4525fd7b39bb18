using System.Runtime.Loader;

#pragma warning disable MA0047, CA1050 // The runtime looks for a startup hook by this name, in no namespace.

/// <summary>
/// Runs inside the service when DOTNET_STARTUP_HOOKS names this assembly, and throws on a thread of its own when a test gives the signal: a
/// failure that nobody handles, without a door for it in the product. It may use the base class library only.
/// </summary>
internal static class StartupHook
{
    /// <summary>The environment variable that names the directory in which the signal appears.</summary>
    public const string Directory = "TEST_CRASH_DIRECTORY";
    public const string Message = "thrown by a test, handled by nobody";
    public const string Signal = "crash-now";

    public static void Initialize()
    {
        // Whoever looks through the loaded assemblies follows this one's references, which lie beside it and not beside the service.
        var here = Path.GetDirectoryName(typeof(StartupHook).Assembly.Location)!;
        AssemblyLoadContext.Default.Resolving += (context, name) =>
            Path.Combine(here, name.Name + ".dll") is var beside && File.Exists(beside) ? context.LoadFromAssemblyPath(beside) : null;

        // The environment reaches children of the service too; and a directory that is not there is not ours to watch.
        if (Environment.GetEnvironmentVariable(Directory) is { } directory && System.IO.Directory.Exists(directory))
        {
            new Thread(() => Crash(directory)) { IsBackground = true }.Start();
        }
    }

    private static void Crash(string directory)
    {
        using var watcher = new FileSystemWatcher(directory, Signal);
        watcher.WaitForChanged(WatcherChangeTypes.Created);
        throw new InvalidOperationException(Message);
    }
}
