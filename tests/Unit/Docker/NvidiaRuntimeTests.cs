using HostService.Machine.Docker;

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
}
