namespace HostService.Infrastructure;

/// <summary>Files that this assembly contains.</summary>
internal static class EmbeddedFile
{
    public static string Read(string name)
    {
        using var reader = new StreamReader(typeof(EmbeddedFile).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
