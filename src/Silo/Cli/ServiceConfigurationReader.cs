using System.Diagnostics.CodeAnalysis;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary>Reads the settings, and says which file is at fault where one cannot be read.</summary>
internal static class ServiceConfigurationReader
{
    public static bool TryRead(IReadOnlyList<string> settings, [NotNullWhen(true)] out IConfigurationRoot? configuration, [NotNullWhen(false)] out string? fault)
    {
        try
        {
            configuration = ServiceConfiguration.Read(settings);
            fault = null;
            return true;
        }
        catch (Exception exception) when (exception is InvalidDataException or FormatException or IOException or UnauthorizedAccessException)
        {
            configuration = null;
            fault = exception.InnerException is { } inner ? $"{exception.Message} {inner.Message}" : exception.Message;
            return false;
        }
    }
}
