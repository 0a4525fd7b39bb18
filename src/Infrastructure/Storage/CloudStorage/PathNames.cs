namespace HostService.Infrastructure.Storage.CloudStorage;

internal static class PathNames
{
    /// <summary>Whether this is the name of one entry of a directory, and no path.</summary>
    public static bool IsOne(string name) => name.Length > 0 && name is not ("." or "..") && name.AsSpan().IndexOfAny('/', '\0') < 0;
}
