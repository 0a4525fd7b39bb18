using System.Net.Sockets;
using HostService.Gateway;
using HostService.Silo.Hosting;

namespace HostService.Tests.Unit.Startup;

public sealed class ListenErrorsTests
{
    [Theory]
    [InlineData(SocketError.AddressAlreadyInUse, "Gateway:Port is 4678, and another program listens there")]
    [InlineData(SocketError.AccessDenied, "Gateway:Port is 4678, and only root may listen on ports below 1024")]
    [InlineData(SocketError.AddressNotAvailable, "Gateway:Address is 192.0.2.1, which no interface of this machine has")]
    public async Task What_cannot_be_listened_on_is_told_with_its_key(SocketError error, string expected)
    {
        var failed = Task.FromException(new IOException("Failed to bind", new SocketException((int)error)));

        var refusal = await Assert.ThrowsAsync<StartRefusedException>(
            () => ListenErrors.ExplainAsync(failed, new GatewayOptions { Address = "192.0.2.1" }));

        Assert.Equal(ExitCodes.Failed, refusal.ExitCode);
        Assert.StartsWith(expected, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_silos_ports_are_named_as_far_as_they_are_open()
    {
        var failed = Task.FromException(new SocketException((int)SocketError.AddressAlreadyInUse));

        var one = await Assert.ThrowsAsync<StartRefusedException>(() => ListenErrors.ExplainAsync(failed, new OrleansOptions()));
        var two = await Assert.ThrowsAsync<StartRefusedException>(
            () => ListenErrors.ExplainAsync(failed, new OrleansOptions { ExternalClients = true }));

        Assert.StartsWith("Orleans:SiloPort is 11111, and", one.Message, StringComparison.Ordinal);
        Assert.StartsWith("Orleans:SiloPort is 11111 and Orleans:GatewayPort 30000, and", two.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_failure_stays_as_it_is()
    {
        var failure = new IOException("disk");

        Assert.Same(failure, await Assert.ThrowsAsync<IOException>(
            () => ListenErrors.ExplainAsync(Task.FromException(failure), new GatewayOptions())));
    }
}
