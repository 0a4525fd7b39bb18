using HostService.Infrastructure.Gpu;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Gpu;

public sealed class GpuOptionsTests
{
    [Fact]
    public void Without_configuration_two_mandelboxes_share_a_gpu_and_nvml_has_its_usual_name()
    {
        var options = Bind([]);

        Assert.Equal((2, "libnvidia-ml.so.1", null), (options.MandelboxesPerGpu, options.NvmlLibrary, options.FatalXids));
    }

    [Fact]
    public void Configured_xids_replace_the_list()
    {
        Assert.Equal([31, 79], Bind(new() { ["Gpu:FatalXids:0"] = "31", ["Gpu:FatalXids:1"] = "79" }).FatalXids!);
    }

    [Fact]
    public void Every_fault_is_named_at_once()
    {
        var error = Assert.Throws<OptionsValidationException>(() => Bind(new()
        {
            ["Gpu:MandelboxesPerGpu"] = "0",
            ["Gpu:NvmlLibrary"] = " ",
            ["Gpu:MinimumFreeMemoryBytes"] = "-1",
            ["Gpu:FailedReadings"] = "0",
            ["Gpu:FatalXids:0"] = "0",
            ["Gpu:ReadingInterval"] = "00:00:00",
            ["Gpu:ReadingTimeout"] = "-00:00:01",
            ["Gpu:FirstReadingTimeout"] = "00:00:00",
            ["Gpu:HealthyFor"] = "00:00:00",
            ["Gpu:ReopenAfter"] = "00:00:00",
        }));

        Assert.Equal(10, error.Failures.Count());
        Assert.Contains("Gpu:MandelboxesPerGpu is 0; it must be 1 to 54", error.Failures);
    }

    private static GpuOptions Bind(Dictionary<string, string?> settings)
    {
        var services = new ServiceCollection()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(settings).Build())
            .AddLogging()
            .AddSingleton(TimeProvider.System)
            .AddGpus();
        using var provider = services.BuildServiceProvider();
        Assert.NotNull(provider.GetRequiredService<GpuMonitor>());
        return provider.GetRequiredService<IOptions<GpuOptions>>().Value;
    }
}
