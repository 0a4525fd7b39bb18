using System.Net;
using System.Net.NetworkInformation;

namespace HostService.Infrastructure.Linux;

/// <summary>The IP addresses of this machine.</summary>
public static class MachineAddresses
{
    private const int MostAttempts = 20;

    /// <summary>Those of interfaces that are up, without those that are valid on one link only. Empty where they cannot be read.</summary>
    public static IReadOnlyList<IPAddress> Read() => Read(() =>
    [
        .. NetworkInterface.GetAllNetworkInterfaces()
            .Where(network => network.OperationalStatus == OperationalStatus.Up)
            .SelectMany(network => network.GetIPProperties().UnicastAddresses)
            .Select(unicast => unicast.Address)
            .Where(address => !address.IsIPv6LinkLocal),
    ]);

    /// <summary>.NET fails to read the interfaces while one goes away, as those of containers do.</summary>
    internal static IReadOnlyList<IPAddress> Read(Func<IReadOnlyList<IPAddress>> read)
    {
        for (var attempt = 0; attempt < MostAttempts; attempt++)
        {
            try
            {
                return read();
            }
            catch (Exception exception) when (exception is ArgumentException or NetworkInformationException)
            {
                Thread.Yield();
            }
        }

        return [];
    }
}
