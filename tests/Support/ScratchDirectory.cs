namespace HostService.Tests.Support;

/// <summary>A directory of its own for a test, removed with it.</summary>
public sealed class ScratchDirectory : IDisposable
{
    public ScratchDirectory() => Path = System.IO.Directory.CreateTempSubdirectory("hs-").FullName;

    public string Path { get; }

    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>A directory below, made where it is missing.</summary>
    public string Directory(string name) => System.IO.Directory.CreateDirectory(this[name]).FullName;

    public void Dispose() => System.IO.Directory.Delete(Path, recursive: true);
}
