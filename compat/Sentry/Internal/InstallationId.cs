using System.Net.NetworkInformation;
using System.Security.Cryptography;
using System.Text;

namespace Sentry.Internal;

/// <summary>
/// Tells this installation from others, on every event that names no user: an id in a file below the user's data, where files may be written, else
/// the address of the first network card that is up, else a hash of the machine's name.
/// </summary>
internal static class InstallationId
{
    public static string Find(SentryOptions options) => FromFile(options) ?? FromNetwork(options) ?? Hash(Environment.MachineName);

    private static string? FromFile(SentryOptions options)
    {
        if (options.DisableFileWrite)
        {
            return null;
        }

        try
        {
            var folder = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "Sentry", Hash(options.Dsn!));
            Directory.CreateDirectory(folder);
            var file = Path.Combine(folder, ".installation");
            if (File.Exists(file))
            {
                return File.ReadAllText(file);
            }

            var id = Guid.NewGuid().ToString();
            File.WriteAllText(file, id);
            return id;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            options.Log(SentryLevel.Error, "No id of the installation could be kept in a file.", e);
            return null;
        }
    }

    private static string? FromNetwork(SentryOptions options)
    {
        try
        {
            var address = NetworkInterface.GetAllNetworkInterfaces()
                .FirstOrDefault(n => n is { OperationalStatus: OperationalStatus.Up, NetworkInterfaceType: not NetworkInterfaceType.Loopback })
                ?.GetPhysicalAddress().ToString();
            return string.IsNullOrWhiteSpace(address) ? null : address;
        }
        catch (NetworkInformationException e)
        {
            options.Log(SentryLevel.Error, "No id of the installation could be taken from the network cards.", e);
            return null;
        }
    }

#pragma warning disable CA5350 // A name, not a secret; and the package's own, so that one finds the other's file.
    private static string Hash(string text) => Convert.ToHexString(SHA1.HashData(Encoding.UTF8.GetBytes(text)));
#pragma warning restore CA5350
}
