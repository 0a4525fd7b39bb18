namespace HostService.Tests.Support;

/// <summary>
/// A test that needs something of the machine: programs on the PATH, or files by absolute path. Skipped with a reason where one is missing;
/// <c>make test</c> installs them first.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NeedsFactAttribute : FactAttribute
{
    public NeedsFactAttribute(params string[] needs)
    {
        if (Needs.FirstMissing(needs) is { } missing)
            Skip = $"{missing} is missing: run 'make test', which installs what the tests need";
    }
}

/// <summary>As <see cref="NeedsFactAttribute"/>, for theories.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NeedsTheoryAttribute : TheoryAttribute
{
    public NeedsTheoryAttribute(params string[] needs)
    {
        if (Needs.FirstMissing(needs) is { } missing)
            Skip = $"{missing} is missing: run 'make test', which installs what the tests need";
    }
}

/// <summary>What this machine has.</summary>
public static class Needs
{
    /// <summary>The S3 server, installed by <c>make test</c>.</summary>
    public const string S3Server = "npm:s3rver";

    /// <summary>The first of these that is not there. <c>npm:</c> names a package below .cache/npm, <c>/…</c> a file, anything else a program.</summary>
    public static string? FirstMissing(IEnumerable<string> needs) => needs.FirstOrDefault(need => !Has(need));

    /// <summary>The directory of an npm package that <c>make test</c> installed; null where it has not.</summary>
    public static string? NpmPackage(string name)
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            var package = Path.Combine(at.FullName, ".cache", "npm", "node_modules", name);
            if (Directory.Exists(package))
                return package;
        }

        return null;
    }

    /// <summary>A program's file, from the PATH or where root's programs are; null where there is none.</summary>
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
