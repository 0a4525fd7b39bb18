namespace HostService.Tests.EndToEnd;

/// <summary>A test that needs the program as it is installed: one file.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class InstalledProgramFactAttribute : FactAttribute
{
    public InstalledProgramFactAttribute()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("HOST_SERVICE")))
        {
            Skip = "needs the installed program: set HOST_SERVICE, as make test does";
        }
    }
}
