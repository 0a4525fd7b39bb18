using System.Net;
using System.Net.NetworkInformation;
using HostService.Infrastructure.Linux;

namespace HostService.Tests.Unit.Network;

public sealed class MachineAddressesTests
{
    /// <summary>What .NET makes an address of, and fails.</summary>
    private static readonly byte[] Invalid = [1, 2, 3];

    [Fact]
    public void Loopback_is_among_the_addresses_of_a_machine() => Assert.Contains(IPAddress.Loopback, MachineAddresses.Read());

    [Fact]
    public void An_interface_that_goes_away_while_they_are_read_costs_another_look()
    {
        var looks = 0;

        var found = MachineAddresses.Read(() => ++looks switch
        {
            1 => [new IPAddress(Invalid)],
            2 => throw new NetworkInformationException(),
            _ => [IPAddress.Loopback],
        });

        Assert.Equal([IPAddress.Loopback], found);
    }

    [Fact]
    public void Addresses_that_cannot_be_read_are_none() =>
        Assert.Empty(MachineAddresses.Read(() => [new IPAddress(Invalid)]));
}
