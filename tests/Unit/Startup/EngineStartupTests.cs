using HostService.GrainInterfaces;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Startup;
using HostService.Tests.Support;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Startup;

/// <summary>B3: the engine's own unit.</summary>
public sealed class EngineStartupTests
{
    private readonly FakeSystemd _systemd = new();
    private readonly RecordingLogger<EngineStartup> _log = new();

    [Theory]
    [InlineData(HostEnvironment.Prod, true, "docker.service", 1)]
    [InlineData(HostEnvironment.LocalDev, true, "docker.service", 1)]
    [InlineData(HostEnvironment.LocalDevWithDb, true, "docker.service", 1)]
    [InlineData(HostEnvironment.LocalDev, false, "docker.service", 0)]
    [InlineData(HostEnvironment.Prod, false, "docker.service", 0)]
    [InlineData(HostEnvironment.Prod, true, "", 0)]
    public async Task It_is_started_wherever_the_service_manages_the_system(
        HostEnvironment environment, bool manageSystem, string unit, int times)
    {
        await Startup(environment, manageSystem, unit).StartAsync(CancellationToken.None);
        Assert.Equal(Enumerable.Repeat("docker.service", times), _systemd.StartedUnits);
    }

    [Theory]
    [InlineData(HostEnvironment.LocalDev)]
    [InlineData(HostEnvironment.LocalDevWithDb)]
    public async Task One_that_does_not_start_locally_is_a_warning_because_the_engine_may_run_without_systemd(HostEnvironment environment)
    {
        _systemd.StartFailure = new SystemdException("System has not been booted with systemd");
        await Startup(environment, true, "docker.service").StartAsync(CancellationToken.None);
        var line = Assert.Single(_log.Lines);
        Assert.StartsWith("Warning", line, StringComparison.Ordinal);
        Assert.Contains("System has not been booted with systemd", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_that_does_not_start_on_EC2_is_a_failure()
    {
        _systemd.StartFailure = new SystemdException("Unit docker.service not found.");
        await Assert.ThrowsAsync<SystemdException>(
            () => Startup(HostEnvironment.Prod, true, "docker.service").StartAsync(CancellationToken.None));
    }

    private EngineStartup Startup(HostEnvironment environment, bool manageSystem, string unit) => new(
        new FakeContainerEngine(),
        _systemd,
        new RunningEnvironment(environment),
        Options.Create(new Infrastructure.HostOptions { ManageSystem = manageSystem }),
        Options.Create(new DockerOptions { Unit = unit }),
        _log);
}
