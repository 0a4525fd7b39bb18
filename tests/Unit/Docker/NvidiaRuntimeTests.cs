using HostService.Infrastructure.Docker;

namespace HostService.Tests.Unit.Docker;

public sealed class NvidiaRuntimeTests
{
    [Theory]
    [InlineData("runc,nvidia", 0, "nvidia")]
    [InlineData("runc,nvidia", 3, "nvidia")]
    [InlineData("runc,nvidia", -1, null)]
    [InlineData("runc,io.containerd.runc.v2", 0, null)]
    [InlineData("", 0, null)]
    public void Nvidias_runtime_is_used_where_the_engine_has_it_and_the_mandelbox_a_gpu(string runtimes, int gpu, string? expected)
    {
        Assert.Equal(expected, NvidiaRuntime.For(runtimes.Split(','), gpu));
    }

    [Theory]
    [InlineData("runc,nvidia", "runc", true)]
    [InlineData("runc,nvidia", "nvidia", true)]
    [InlineData("runc,nvidia-cdi", "nvidia-cdi", true)]
    [InlineData("runc,nvidia-cdi", "runc", false)]
    [InlineData("runc,io.containerd.runc.v2", "runc", false)]
    [InlineData("", "", false)]
    public void An_engine_can_give_gpus_by_nvidias_runtime_or_by_one_of_its_kinds_that_all_containers_have(
        string runtimes, string ofAll, bool can)
    {
        Assert.Equal(can, NvidiaRuntime.IsIn(new EngineInfo("28.2.2", "1.50", runtimes.Split(','), []) { DefaultRuntime = ofAll }));
    }
}
