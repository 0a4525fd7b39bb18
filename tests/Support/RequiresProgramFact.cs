namespace HostService.Tests.Support;

/// <summary>A test that runs a program of the machine's; skipped, and saying so, where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RequiresProgramFactAttribute : FactAttribute
{
    public RequiresProgramFactAttribute(string program) => Skip = Programs.WhyMissing(program);
}

/// <summary>As <see cref="RequiresProgramFactAttribute"/>, for a theory.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RequiresProgramTheoryAttribute : TheoryAttribute
{
    public RequiresProgramTheoryAttribute(string program) => Skip = Programs.WhyMissing(program);
}

/// <summary>Looks for programs on the path, and where root's are.</summary>
public static class Programs
{
    /// <summary>The program's file, or null.</summary>
    public static string? Find(string program) =>
        $"{Environment.GetEnvironmentVariable("PATH")}:/usr/local/sbin:/usr/sbin:/sbin"
            .Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(directory => Path.Combine(directory, program))
            .FirstOrDefault(File.Exists);

    /// <summary>Null when it is there; otherwise the reason to skip.</summary>
    public static string? WhyMissing(string program) => Find(program) is null ? $"{program} is not installed on this machine" : null;
}
