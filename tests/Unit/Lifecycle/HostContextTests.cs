using System.Runtime.InteropServices;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Aws;
using HostService.Silo.Lifecycle;
using HostService.Tests.Support;
using Microsoft.Extensions.Configuration;

namespace HostService.Tests.Unit.Lifecycle;

/// <summary>B1 and B30: what depends on why the service ends.</summary>
public sealed class HostContextTests
{
    [Theory]
    [InlineData("LOCALDEV", ShutdownReason.Signal, false)]
    [InlineData("LOCALDEV", ShutdownReason.Request, true)]
    [InlineData("LOCALDEV", ShutdownReason.StartFailed, false)]
    [InlineData("LOCALDEVWITHDB", ShutdownReason.NotWanted, false)]
    [InlineData("LOCALDEVWITHDB", ShutdownReason.Crash, false)]
    [InlineData("DEV", ShutdownReason.Signal, true)]
    [InlineData("STAGING", ShutdownReason.EngineLost, true)]
    [InlineData("PROD", ShutdownReason.Crash, true)]
    [InlineData("PROD", ShutdownReason.NotWanted, true)]
    [InlineData("PROD", ShutdownReason.Notice, true)]
    [InlineData("PROD", ShutdownReason.StartFailed, true)]
    public void The_machine_is_turned_off_where_the_environment_says_so(string environment, ShutdownReason reason, bool off) =>
        Assert.Equal(off, Context(environment, reason).TurnsMachineOff);

    [Fact]
    public void A_local_drain_by_request_turns_the_machine_off_also_when_a_signal_takes_over()
    {
        var shutdown = new ShutdownSignal(TimeProvider.System);
        shutdown.Request("drain_and_shutdown was called", force: false);
        shutdown.Signal(PosixSignal.SIGINT);
        Assert.True(new HostContext(Configuration("LOCALDEV"), new ShutdownOptions(), shutdown) { Identity = Identity }.TurnsMachineOff);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_start_that_failed_before_the_identity_was_known_turns_off_only_what_is_an_EC2_instance(bool isEc2)
    {
        var shutdown = new ShutdownSignal(TimeProvider.System);
        shutdown.Request(new ShutdownRequest(ShutdownReason.StartFailed, "test"));
        var context = new HostContext(Configuration("PROD"), new ShutdownOptions(), shutdown) { IsEc2 = isEc2 };
        Assert.Equal(isEc2, context.TurnsMachineOff);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_start_that_failed_leaves_a_machine_on_whose_directories_another_run_has_made(bool isThere)
    {
        using var directory = new ScratchDirectory();
        var context = Context("PROD", ShutdownReason.StartFailed, ("Host:Root", isThere ? directory.Path : directory["nothing"]));
        await context.CheckUseAsync();
        Assert.Equal(!isThere, context.TurnsMachineOff);
    }

    [Theory]
    [InlineData("Amazon EC2", "", true)]
    [InlineData("Xen", "ec2e1916-9099-7caf-fd21-012345abcdef\n", true)]
    [InlineData("Xen", "EC2E1916-9099-7caf-fd21-012345abcdef", true)]
    [InlineData("Dell Inc.", "4c4c4544-0033-3510-8052-c4c04f4e3232", false)]
    [InlineData(null, null, false)]
    public async Task An_EC2_instance_is_told_by_its_firmware(string? vendor, string? id, bool isEc2)
    {
        using var directory = new ScratchDirectory();
        if (vendor is not null)
        {
            await File.WriteAllTextAsync(directory["sys_vendor"], vendor + "\n");
            await File.WriteAllTextAsync(directory["product_uuid"], id);
        }

        Assert.Equal(isEc2, Ec2Firmware.IsPresent(directory.Path));
    }

    private static HostIdentity Identity { get; } = new("name", "i", "t", "a", "r", "127.0.0.1");

    private static IConfigurationRoot Configuration(string environment, params (string Key, string Value)[] more) => new ConfigurationBuilder()
        .AddInMemoryCollection([new("APP_ENV", environment), .. more.Select(m => new KeyValuePair<string, string?>(m.Key, m.Value))])
        .Build();

    private static HostContext Context(string environment, ShutdownReason reason, params (string Key, string Value)[] more)
    {
        var shutdown = new ShutdownSignal(TimeProvider.System);
        shutdown.Request(new ShutdownRequest(reason, "test"));
        return new HostContext(Configuration(environment, more), new ShutdownOptions(), shutdown) { Identity = Identity };
    }
}
