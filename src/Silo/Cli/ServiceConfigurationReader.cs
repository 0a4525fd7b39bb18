using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary>Reads the settings of the commands that take them.</summary>
internal static class ServiceConfigurationReader
{
    /// <param name="settings">Of the command line.</param>
    /// <returns>Null where they cannot be read; standard error then says which one, or which file, is at fault.</returns>
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
