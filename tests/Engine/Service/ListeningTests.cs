using System.Diagnostics;
using System.Text.RegularExpressions;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>
/// The TCP ports that the service listens on. Orleans has no authentication: who reaches one of its ports commands the host.
/// </summary>
[Collection(EngineCollection.Name)]
public sealed partial class ListeningTests(EngineFixture engine)
{
    [EngineFact]
    public async Task Only_HTTPS_is_open_to_others_and_the_silo_to_this_machine()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint);

        Assert.Equal(
            [$"*:{service.Process.Address.Port}", $"127.0.0.1:{service.Settings.Environment["Orleans__SiloPort"]}"],
            await ListenersAsync(service.Process));
    }

    [EngineFact]
    public async Task The_client_gateway_is_open_to_this_machine_where_it_is_asked_for()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint, ("Orleans__ExternalClients", "true"));

        Assert.Contains($"127.0.0.1:{service.Settings.Environment["Orleans__GatewayPort"]}", await ListenersAsync(service.Process));
        Assert.Equal(3, (await ListenersAsync(service.Process)).Count);
    }

    /// <summary>Address and port of each, in order.</summary>
    private static async Task<List<string>> ListenersAsync(ServiceProcess service)
    {
        using var ss = Process.Start(new ProcessStartInfo("ss", ["-Htlnp"]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        var sockets = await ss.StandardOutput.ReadToEndAsync();
        await ss.WaitForExitAsync();
        return
        [
            .. sockets.Split('\n')
                .Where(line => line.Contains($"pid={service.Pid},", StringComparison.Ordinal))
                .Select(line => LocalAddress().Match(line).Groups["address"].Value)

                // "All addresses", on a machine without IPv6.
                .Select(address => address.Replace("0.0.0.0:", "*:", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal),
        ];
    }

    [GeneratedRegex(@"^LISTEN +\d+ +\d+ +(?<address>\S+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LocalAddress();
}
