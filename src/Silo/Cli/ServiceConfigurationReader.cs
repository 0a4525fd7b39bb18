using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary>Reads the settings, those of the command line included.</summary>
internal static class ServiceConfigurationReader
{
    /// <param name="settings">From the command line.</param>
    /// <param name="file">The name of the files, without the suffix.</param>
    /// <exception cref="StartRefusedException">One is no setting, or a file cannot be read.</exception>
    public static IConfigurationRoot Read(IReadOnlyList<string> settings, string file = ServiceConfiguration.HostFile)
    {
        var faults = settings.Select(ServiceConfiguration.Fault).OfType<string>().ToList();
        if (faults.Count > 0)
        {
            throw new StartRefusedException(ExitCodes.Usage, $"{string.Join('\n', faults)}\nTry 'host-service --help'.");
        }

        try
        {
            return ServiceConfiguration.Read(settings, file);
        }
        catch (Exception exception)
            when (exception is InvalidDataException or FormatException or IOException or UnauthorizedAccessException)
        {
            throw new StartRefusedException(
                ExitCodes.Usage, $"{exception.Message} {exception.InnerException?.Message}".TrimEnd(), exception);
        }
    }
}
