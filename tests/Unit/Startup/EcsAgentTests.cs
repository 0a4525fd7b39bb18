using HostService.Gateway;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Hosting;
using HostService.Silo.Startup;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Startup;

/// <summary>B29: the agent's own unit.</summary>
public sealed class EcsAgentTests
{
    private readonly FakeSystemd _systemd = new();

    [Theory]
    [InlineData(HostEnvironment.Dev, true, true, 1)]
    [InlineData(HostEnvironment.Prod, true, true, 1)]
    [InlineData(HostEnvironment.Dev, false, true, 0)]
    [InlineData(HostEnvironment.Dev, true, false, 0)]
    [InlineData(HostEnvironment.LocalDev, true, true, 0)]
    [InlineData(HostEnvironment.LocalDevWithDb, true, true, 0)]
    public async Task It_is_started_in_deployed_environments_where_it_is_wanted_and_systemd_is_ours(
        HostEnvironment environment, bool enabled, bool manageSystem, int times)
    {
        await Agent(environment, enabled, manageSystem).StartAsync(CancellationToken.None);
        Assert.Equal(Enumerable.Repeat("agent.service", times), _systemd.StartedUnits);
    }

    [Fact]
    public async Task One_that_does_not_start_keeps_the_service_from_starting_and_says_what_to_do()
    {
        _systemd.StartFailure = new SystemdException("Unit agent.service not found.");
        var refusal = await Assert.ThrowsAsync<StartRefusedException>(
            () => Agent(HostEnvironment.Prod, true, true).StartAsync(CancellationToken.None));
        Assert.Equal(ExitCodes.Failed, refusal.ExitCode);
        Assert.Contains("Unit agent.service not found.", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("Ecs__AgentUnit", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ecs.service", 0)]
    [InlineData("", 1)]
    [InlineData("--force", 1)]
    [InlineData("two units", 1)]
    public void What_is_not_a_unit_is_a_fault_where_the_agent_is_wanted(string unit, int faults)
    {
        Assert.Equal(faults, new EcsOptions { Enabled = true, AgentUnit = unit }.Validate().Count());
        Assert.Empty(new EcsOptions { AgentUnit = unit }.Validate());
    }

    private EcsAgent Agent(HostEnvironment environment, bool enabled, bool manageSystem) => new(
        new RunningEnvironment(environment),
        Options.Create(new Infrastructure.HostOptions { ManageSystem = manageSystem }),
        Options.Create(new EcsOptions { Enabled = enabled, AgentUnit = "agent.service" }),
        _systemd,
        NullLogger<EcsAgent>.Instance);
}
