namespace HostService.Tests.Support;

/// <summary>Looks for what tests need of the machine.</summary>
public static class Needs
{
    /// <summary>An S3 server, installed by <c>make test</c>.</summary>
    public const string S3Server = "npm:s3rver";

    /// <summary>
    /// The first of these that is missing, or null. <c>npm:</c> names a package below .cache/npm, a leading <c>/</c> a file, anything else
    /// a program.
    /// </summary>
    public static string? FirstMissing(IEnumerable<string> needs) => needs.FirstOrDefault(need => !Has(need));

    /// <summary>Why a test with these needs is skipped, or null.</summary>
    public static string? SkipReason(IEnumerable<string> needs) =>
        FirstMissing(needs) is { } missing ? $"{missing} is missing; make test installs what apt and npm have" : null;

    /// <summary>The directory of an npm package below .cache/npm, or null.</summary>
    public static string? NpmPackage(string name)
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            var package = Path.Combine(at.FullName, ".cache", "npm", "node_modules", name);
            if (Directory.Exists(package))
            {
                return package;
            }
        }

        return null;
    }

    /// <summary>A program's file, from the PATH, /usr/sbin or /sbin; null where there is none.</summary>
    public static string? Program(string name) => $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin:/sbin".Split(':')
        .Select(directory => Path.Combine(directory, name))
        .FirstOrDefault(File.Exists);

    private static bool Has(string need) => need switch
    {
        ['n', 'p', 'm', ':', .. var package] => NpmPackage(package) is not null,
        ['/', ..] => File.Exists(need),
        _ => Program(need) is not null,
    };
}
