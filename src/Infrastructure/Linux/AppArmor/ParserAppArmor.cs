using HostService.Infrastructure.Linux.Processes;

namespace HostService.Infrastructure.Linux.AppArmor;

/// <summary>Loads the profile with <c>apparmor_parser -Kr</c>, which replaces an earlier one and ignores the parser's cache.</summary>
internal sealed class ParserAppArmor(IOptions<AppArmorOptions> options, TimeProvider timeProvider) : IAppArmor
{
    private static readonly string[] SystemDirectories = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

    private readonly AppArmorOptions _options = options.Value;

    public string? Unavailable
    {
        get
        {
            if (!IsEnabledInKernel())
            {
                return $"the kernel has no AppArmor or it is off: {_options.EnabledFile} is not Y (boot with apparmor=1 security=apparmor)";
            }

            return FindParser() is null ? $"{_options.Parser} is not installed (on Debian and Ubuntu: apt-get install apparmor)" : null;
        }
    }

    public bool? IsLoaded
    {
        get
        {
            try
            {
                // name (mode)
                return File.ReadLines(_options.ProfilesFile)
                    .Any(line => line.StartsWith(AppArmorProfile.Name + " (", StringComparison.Ordinal));
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }

    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        var parser = FindParser()
            ?? throw new AppArmorException($"{AppArmorProfile.Name} cannot be loaded: {_options.Parser} is not installed");
        try
        {
            await ProgramRunner.RunAsync(parser, ["-Kr"], AppArmorProfile.Text, _options.LoadTimeout, timeProvider, cancellationToken);
        }
        catch (IOException exception)
        {
            throw new AppArmorException($"{AppArmorProfile.Name} cannot be loaded: {exception.Message}", exception);
        }
    }

    private bool IsEnabledInKernel()
    {
        try
        {
            return File.ReadAllText(_options.EnabledFile).StartsWith('Y');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private string? FindParser() =>
        Path.IsPathRooted(_options.Parser)
            ? (File.Exists(_options.Parser) ? _options.Parser : null)
            : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
                .Concat(SystemDirectories)
                .Select(directory => Path.Combine(directory, _options.Parser))
                .FirstOrDefault(File.Exists);
}
