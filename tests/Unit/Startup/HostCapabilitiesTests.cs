using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Linux.AppArmor;
using HostService.Silo.Hosting;
using HostService.Silo.Startup;
using HostService.Tests.Support;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Startup;

/// <summary>GPUs that are there and do not reach mandelboxes.</summary>
public sealed class HostCapabilitiesTests
{
    private static readonly EngineInfo Plain = new("28.2.2", "1.50", ["runc"], []) { DefaultRuntime = "runc", CgroupDriver = "cgroupfs" };

    private readonly RecordingLogger<HostCapabilities> _log = new();

    [Fact]
    public void A_deployed_host_whose_engine_has_no_nvidia_runtime_is_not_ready()
    {
        Assert.Contains("GPUs: the container engine has no runtime 'nvidia'", Machine(HostEnvironment.Dev).Find(Plain, 1), StringComparison.Ordinal);
        Assert.Contains(_log.Lines, l => l.StartsWith("Error: This machine lacks what every mandelbox needs: GPUs", StringComparison.Ordinal));
    }

    [Fact]
    public void A_local_one_warns_of_it_and_is_ready()
    {
        Assert.Null(Machine(HostEnvironment.LocalDev).Find(Plain, 1));
        Assert.Contains(_log.Lines, l => l.StartsWith("Warning: Mandelboxes do without GPUs", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("nvidia", "runc", 1)]
    [InlineData("nvidia-cdi", "nvidia-cdi", 1)]
    [InlineData("runc", "runc", 0)]
    public void Nothing_is_said_where_mandelboxes_have_the_gpus_or_there_are_none(string runtime, string ofAll, int gpus)
    {
        var lacking = Machine(HostEnvironment.Dev).Find(Plain with { Runtimes = [runtime], DefaultRuntime = ofAll }, gpus);

        Assert.DoesNotContain("GPUs", lacking ?? "", StringComparison.Ordinal);
        Assert.DoesNotContain(_log.Lines, l => l.Contains("GPUs", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("systemd", 1, true)]
    [InlineData("systemd", 0, false)]
    [InlineData("cgroupfs", 1, false)]
    [InlineData("", 1, false)]
    public void Gpus_in_cgroups_of_systemds_making_are_warned_of(string cgroupDriver, int gpus, bool take)
    {
        Assert.Equal(take, Machine(HostEnvironment.Dev).ReloadsTakeGpus(Plain with { CgroupDriver = cgroupDriver }, gpus));
        Assert.Equal(take, _log.Lines.Any(l => l.StartsWith("Warning", StringComparison.Ordinal) && l.Contains("native.cgroupdriver=cgroupfs", StringComparison.Ordinal)));
    }

    private HostCapabilities Machine(HostEnvironment environment) => new(
        new RunningEnvironment(environment),
        Options.Create(new HostOptions()),
        new LoadedAppArmor(),
        new FakeInputDevices(),
        new ContainerCapabilitiesSource(),
        _log);

    private sealed class LoadedAppArmor : IAppArmor
    {
        public string? Unavailable => null;

        public Task LoadAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
