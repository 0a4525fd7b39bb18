namespace HostService.Tests.Support;

/// <summary>A temporary directory for one test.</summary>
public sealed class ScratchDirectory : IDisposable
{
    public ScratchDirectory() => Path = System.IO.Directory.CreateTempSubdirectory("hs-").FullName;

    public string Path { get; }

    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>A directory below this one; created if it is missing.</summary>
    public string Directory(string name) => System.IO.Directory.CreateDirectory(this[name]).FullName;

    public void Dispose() => System.IO.Directory.Delete(Path, recursive: true);
}
