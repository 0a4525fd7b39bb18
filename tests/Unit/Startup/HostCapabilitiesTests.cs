using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure;
using HostService.Infrastructure.Docker;
using HostService.Silo.Startup;
using HostService.Tests.Support;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Startup;

/// <summary>GPUs that are there and do not reach mandelboxes.</summary>
public sealed class HostCapabilitiesTests
{
    private static readonly EngineInfo Plain = new("28.2.2", "1.50", ["runc"], ["seccomp"])
    {
        DefaultRuntime = "runc",
        CgroupDriver = "cgroupfs",
    };

    private readonly RecordingLogger<HostCapabilities> _log = new();

    [Fact]
    public void A_deployed_host_whose_engine_has_no_nvidia_runtime_is_not_ready()
    {
        var found = Detect(HostEnvironment.Dev, Plain, 1);
        Assert.Contains("GPUs: the container engine has no runtime 'nvidia'", found.NotReadyReason, StringComparison.Ordinal);
        Assert.Contains(_log.Lines, l => l.StartsWith("Error: Unavailable to mandelboxes: GPUs", StringComparison.Ordinal));
    }

    [Fact]
    public void A_local_one_warns_of_it_and_is_ready()
    {
        Assert.Null(Detect(HostEnvironment.LocalDev, Plain, 1).NotReadyReason);
        Assert.Contains(_log.Lines, l => l.StartsWith("Warning: Unavailable to mandelboxes: GPUs", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("nvidia", "runc", 1)]
    [InlineData("nvidia-cdi", "nvidia-cdi", 1)]
    [InlineData("runc", "runc", 0)]
    public void Nothing_is_said_where_mandelboxes_have_the_gpus_or_there_are_none(string runtime, string ofAll, int gpus)
    {
        var found = Detect(HostEnvironment.Dev, Plain with { Runtimes = [runtime], DefaultRuntime = ofAll }, gpus);

        Assert.DoesNotContain("GPUs", found.NotReadyReason ?? "", StringComparison.Ordinal);
        Assert.DoesNotContain(_log.Lines, l => l.Contains("GPUs", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("systemd", 1, true)]
    [InlineData("systemd", 0, false)]
    [InlineData("cgroupfs", 1, false)]
    [InlineData("", 1, false)]
    public void Gpus_in_cgroups_of_systemds_making_are_warned_of(string cgroupDriver, int gpus, bool take)
    {
        Assert.Equal(take, Detect(HostEnvironment.Dev, Plain with { CgroupDriver = cgroupDriver }, gpus).ReloadsTakeGpus);
        Assert.Equal(take, _log.Lines.Any(
            l => l.StartsWith("Warning", StringComparison.Ordinal) && l.Contains(
                "native.cgroupdriver=cgroupfs", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(HostEnvironment.Dev, true)]
    [InlineData(HostEnvironment.LocalDev, false)]
    public void An_engine_without_seccomp_makes_a_deployed_host_not_ready(HostEnvironment environment, bool notReady)
    {
        var found = Detect(environment, Plain with { SecurityOptions = [] }, 0);
        Assert.Equal(notReady, found.NotReadyReason?.Contains("seccomp", StringComparison.Ordinal) == true);
        Assert.Contains(_log.Lines, l => l.Contains("Unavailable to mandelboxes: seccomp", StringComparison.Ordinal));
    }

    private HostCapabilities Detect(HostEnvironment environment, EngineInfo engine, int gpus)
    {
        var capabilities = new HostCapabilities(
            new RunningEnvironment(environment),
            Options.Create(new HostOptions()),
            new LoadedAppArmor(),
            new FakeInputDevices(),
            new ContainerCapabilitiesSource(),
            _log);
        capabilities.Detect(engine, gpus);
        return capabilities;
    }
}
