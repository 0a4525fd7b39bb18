using HostService.Tests.Support;

namespace HostService.Tests.Unit;

public sealed class TestPortsTests
{
    [Fact]
    public void A_port_is_given_once_although_nobody_listens_on_it() =>
        Assert.Distinct(Enumerable.Range(0, 500).AsParallel().Select(_ => TestPorts.Reserve()).ToArray());
}
