using System.Net;
using System.Net.Sockets;

namespace HostService.Gateway;

/// <summary>A configured list of addresses and networks, separated by commas, semicolons or spaces.</summary>
internal sealed class AddressList(string text)
{
    private readonly IPNetwork[] _networks =
        [.. Split(text).Select(n => TryParseNetwork(n, out var network) ? network : (IPNetwork?)null).OfType<IPNetwork>()];

    public bool Contains(IPAddress? address)
    {
        if (address is null)
        {
            return false;
        }

        var plain = Plain(address);
        return Array.Exists(_networks, n => n.Contains(plain));
    }

    public static string[] Split(string text) =>
        text.Split([',', ' ', ';'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>What is wrong with such a list under this key.</summary>
    public static IEnumerable<string> Faults(string key, string text) => Split(text)
        .Where(network => !TryParseNetwork(network, out _))
        .Select(network => $"{key} holds '{network}', which is neither an IP address nor a network such as 10.8.0.0/16.");

    private static bool TryParseNetwork(string text, out IPNetwork network)
    {
        if (IPAddress.TryParse(text, out var address))
        {
            var plain = Plain(address);
            network = new IPNetwork(plain, plain.AddressFamily == AddressFamily.InterNetwork ? 32 : 128);
            return true;
        }

        return IPNetwork.TryParse(text, out network);
    }

    /// <summary>A socket that listens on both families shows IPv4 callers as mapped addresses.</summary>
    public static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    /// <summary>The address by which a caller is counted: of IPv6 the /64, because one caller has all of it.</summary>
    public static IPAddress Client(IPAddress? address)
    {
        if (address is null)
        {
            return IPAddress.None;
        }

        var plain = Plain(address);
        if (plain.AddressFamily == AddressFamily.InterNetwork)
        {
            return plain;
        }

        var bytes = plain.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes);
    }
}
