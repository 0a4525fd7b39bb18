using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary>Reads the settings for the commands that take some on the command line.</summary>
internal static class ServiceConfigurationReader
{
    /// <param name="settings">From the command line.</param>
    /// <returns>Null after a fault, which is printed: a setting that is not one, or a file that cannot be read.</returns>
    public static async Task<IConfigurationRoot?> ReadAsync(IReadOnlyList<string> settings)
    {
        var faults = settings.Select(ServiceConfiguration.Fault).OfType<string>().ToList();
        if (faults.Count > 0)
        {
            faults.ForEach(fault => Console.Error.WriteLine($"host-service: {fault}"));
            await Console.Error.WriteLineAsync("Try 'host-service --help'.");
            return null;
        }

        try
        {
            return ServiceConfiguration.Read(settings);
        }
        catch (Exception exception)
            when (exception is InvalidDataException or FormatException or IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync($"host-service: {exception.Message} {exception.InnerException?.Message}".TrimEnd());
            return null;
        }
    }
}
