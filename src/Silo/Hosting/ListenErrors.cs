using System.Net.Sockets;

namespace HostService.Silo.Hosting;

/// <summary>Says which setting names a port or an address that the service cannot listen on.</summary>
internal static class ListenErrors
{
    public static Task ExplainAsync(Task listening, Gateway.GatewayOptions options) =>
        ExplainAsync(listening, $"Gateway:Port is {options.Port}", $"Gateway:Address is {options.Address}");

    /// <summary>A silo's.</summary>
    /// <param name="address">Which setting names its address.</param>
    public static Task ExplainAsync(Task listening, OrleansOptions options, string address = "Orleans listens on 127.0.0.1")
    {
        var ports = $"Orleans:SiloPort is {options.SiloPort}"
            + (options.ExternalClients ? $" and Orleans:GatewayPort {options.GatewayPort}" : "");
        return ExplainAsync(listening, ports, address);
    }

    private static async Task ExplainAsync(Task listening, string port, string address)
    {
        try
        {
            await listening;
        }
        catch (Exception exception) when (exception.GetBaseException() is SocketException { SocketErrorCode: var error })
        {
            var why = error switch
            {
                SocketError.AddressAlreadyInUse =>
                    $"{port}, and another program listens there ('ss -ltnp' shows which): end it, or set another port.",
                SocketError.AccessDenied => $"{port}, and only root may listen on ports below 1024: set another port.",
                SocketError.AddressNotAvailable => $"{address}, which no interface of this machine has: set one that it has.",
                _ => null,
            };
            if (why is null)
            {
                throw;
            }

            throw new StartRefusedException(ExitCodes.Failed, why, exception);
        }
    }
}
