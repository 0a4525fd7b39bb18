using System.Net;
using System.Net.Sockets;

namespace HostService.Tests.Packages.Orleans;

internal static class FreePorts
{
    /// <summary>A cluster of one on ports that nobody has, so that tests can run side by side.</summary>
    public static ISiloBuilder UseFreePorts(this ISiloBuilder silo)
    {
        using var one = new TcpListener(IPAddress.Loopback, 0);
        using var two = new TcpListener(IPAddress.Loopback, 0);
        one.Start();
        two.Start();
        return silo.UseLocalhostClustering(Port(one), Port(two));
    }

    private static int Port(TcpListener listener) => ((IPEndPoint)listener.LocalEndpoint).Port;
}
