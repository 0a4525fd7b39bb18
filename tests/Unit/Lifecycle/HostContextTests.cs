using HostService.GrainInterfaces;
using HostService.Silo.Lifecycle;
using Microsoft.Extensions.Configuration;

namespace HostService.Tests.Unit.Lifecycle;

/// <summary>B1 and B30: what depends on why the service ends.</summary>
public sealed class HostContextTests
{
    [Theory]
    [InlineData("LOCALDEV", ShutdownReason.Signal, false)]
    [InlineData("LOCALDEV", ShutdownReason.Request, true)]
    [InlineData("LOCALDEVWITHDB", ShutdownReason.NotWanted, false)]
    [InlineData("LOCALDEVWITHDB", ShutdownReason.Crash, false)]
    [InlineData("DEV", ShutdownReason.Signal, true)]
    [InlineData("STAGING", ShutdownReason.EngineLost, true)]
    [InlineData("PROD", ShutdownReason.Crash, true)]
    [InlineData("PROD", ShutdownReason.NotWanted, true)]
    [InlineData("PROD", ShutdownReason.StartFailed, false)]
    public void The_machine_is_turned_off_where_the_environment_says_so(string environment, ShutdownReason reason, bool off) =>
        Assert.Equal(off, Context(environment, reason).TurnsMachineOff);

    [Theory]
    [InlineData("LOCALDEV", ShutdownReason.Signal, false)]
    [InlineData("DEV", ShutdownReason.Signal, true)]
    [InlineData("DEV", ShutdownReason.Request, true)]
    [InlineData("DEV", ShutdownReason.NotWanted, true)]
    [InlineData("DEV", ShutdownReason.EngineLost, false)]
    [InlineData("DEV", ShutdownReason.Crash, false)]
    [InlineData("DEV", ShutdownReason.StartFailed, false)]
    public void Assigned_spin_ups_are_waited_for_where_the_host_can_still_take_them(
        string environment, ShutdownReason reason, bool grace) =>
        Assert.Equal(grace, Context(environment, reason).GivesGrace);

    [Fact]
    public void A_host_that_does_not_know_who_it_is_is_left_on()
    {
        var context = Context("PROD", ShutdownReason.Signal);
        context.Identity = null;
        Assert.False(context.TurnsMachineOff);
    }

    private static HostContext Context(string environment, ShutdownReason reason)
    {
        var shutdown = new ShutdownSignal();
        shutdown.Request(new ShutdownRequest(reason, "test"));
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("APP_ENV", environment)]).Build();
        var identity = new HostIdentity("name", "i", "t", "a", "r", "127.0.0.1");
        return new HostContext(configuration, new ShutdownOptions(), shutdown) { Identity = identity };
    }
}
