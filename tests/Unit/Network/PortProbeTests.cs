using System.Net;
using System.Net.Sockets;
using HostService.Infrastructure.Linux.Network;

namespace HostService.Tests.Unit.Network;

/// <summary>Not beside other tests: a process that one of them starts holds a copy of the socket until it has become another program.</summary>
[CollectionDefinition(nameof(PortProbeTests), DisableParallelization = true)]
[Collection(nameof(PortProbeTests))]
public sealed class PortProbeTests
{
    public static TheoryData<string, ProtocolType> Binds() => new()
    {
        { "127.0.0.1", ProtocolType.Tcp },
        { "0.0.0.0", ProtocolType.Tcp },
        { "127.0.0.1", ProtocolType.Udp },
        { "0.0.0.0", ProtocolType.Udp },
        { "::1", ProtocolType.Tcp },
        { "::1", ProtocolType.Udp },
    };

    [Theory]
    [MemberData(nameof(Binds))]
    public void A_port_is_free_exactly_while_no_program_listens_on_it_on_any_address(string address, ProtocolType protocol)
    {
        var ip = IPAddress.Parse(address);
        if (ip.AddressFamily == AddressFamily.InterNetworkV6 && !Socket.OSSupportsIPv6)
        {
            return;
        }

        var probe = new PortProbe();
        var socket = new Socket(ip.AddressFamily, protocol == ProtocolType.Tcp ? SocketType.Stream : SocketType.Dgram, protocol);
        socket.Bind(new IPEndPoint(ip, 0));
        if (protocol == ProtocolType.Tcp)
        {
            socket.Listen();
        }

        var port = (ushort)((IPEndPoint)socket.LocalEndPoint!).Port;
        bool IsFree() => protocol == ProtocolType.Tcp ? probe.IsTcpFree(port) : probe.IsUdpFree(port);
        Assert.False(IsFree());
        socket.Dispose();
        Assert.True(IsFree());
    }
}
