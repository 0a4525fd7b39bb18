using HostService.GrainInterfaces.Fleet;
using HostService.Grains.Fleet;

namespace HostService.Tests.Unit.Fleet;

public sealed class FleetOptionsTests
{
    [Fact]
    public void The_defaults_are_valid() => Assert.Empty(new FleetOptions().Validate());

    [Fact]
    public void Every_fault_names_its_key()
    {
        var faults = new FleetOptions
        {
            Order = (PlacementOrder)7,
            AwayAfter = TimeSpan.FromSeconds(1),
            QueueCapacity = -1,
            QueueTimeout = TimeSpan.FromMinutes(2),
            LostAfter = TimeSpan.FromSeconds(1),
            RolloutTimeout = TimeSpan.FromSeconds(1),
        }.Validate().ToList();

        Assert.Equal(
            ["Fleet:Order", "Fleet:AwayAfter", "Fleet:LostAfter", "Fleet:QueueCapacity", "Fleet:QueueTimeout", "Fleet:RolloutTimeout"],
            faults.Select(fault => fault.Split(' ')[0]));
    }
}
