namespace HostService.Tests.Unit.Deploy;

public sealed class NvidiaDevicesTests : IDisposable
{
    private readonly Script _script = new();

    public NvidiaDevicesTests() => _script.Environment["NVIDIA_PROC"] = _script["proc"];

    public void Dispose() => _script.Dispose();

    [Fact]
    public void The_modules_are_loaded_and_every_gpu_gets_its_nodes()
    {
        _script.Program("nvidia-modprobe");
        foreach (var (bus, minor) in new[] { ("0000:00:1b.0", 0), ("0000:00:1c.0", 3) })
        {
            var directory = Directory.CreateDirectory(Path.Combine(_script["proc"], "gpus", bus));
            File.WriteAllText(
                Path.Combine(directory.FullName, "information"), $"Model: \t\t Tesla T4\nDevice Minor: \t {minor}\nGPU Excluded:\t No\n");
        }

        Assert.Equal((0, ""), _script.Run("nvidia-devices.sh"));
        Assert.Equal(
            ["nvidia-modprobe -c 255 -c 0", "nvidia-modprobe -c 0", "nvidia-modprobe -c 3", "nvidia-modprobe -u -c 0"], _script.Calls);
    }

    [Fact]
    public void A_machine_without_a_gpu_is_no_failure()
    {
        _script.Program("nvidia-modprobe", "exit 1");

        var (code, output) = _script.Run("nvidia-devices.sh");

        Assert.Equal(0, code);
        Assert.Contains("there is no GPU", output, StringComparison.Ordinal);
    }
}
