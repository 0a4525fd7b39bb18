namespace HostService.Tests.Vm;

/// <summary>Paths in the checkout.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    public static string Binary => Path.Combine(Root, "build", "host-service");

    private static string Find()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "HostService.sln")))
            {
                return directory.FullName;
            }
        }

        throw new InvalidOperationException($"no HostService.sln above {AppContext.BaseDirectory}");
    }
}
