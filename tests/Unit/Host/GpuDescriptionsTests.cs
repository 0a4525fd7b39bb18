using HostService.GrainInterfaces;
using HostService.Grains.Host;
using HostService.Infrastructure.Gpu;

namespace HostService.Tests.Unit.Host;

public sealed class GpuDescriptionsTests
{
    [Fact]
    public void Every_figure_is_converted_with_memory_in_kilobytes()
    {
        var gpu = new GpuInfo
        {
            Index = 3,
            Name = "T4",
            Uuid = "GPU-3",
            TotalMemoryBytes = 2048,
            FreeMemoryBytes = 1024,
            UtilisationPercent = 7,
            MemoryUtilisationPercent = 8,
            EncoderSessions = 9,
        };

        var expected = new GpuDescription
        {
            Index = 3,
            Name = "T4",
            Uuid = "GPU-3",
            TotalMemoryKb = 2,
            FreeMemoryKb = 1,
            UtilisationPercent = 7,
            MemoryUtilisationPercent = 8,
            EncoderSessions = 9,
            Unhealthy = "XID 79",
        };
        Assert.Equal(expected, Assert.Single(GpuDescriptions.From([new GpuStatus(gpu, "XID 79")])));
    }

    [Fact]
    public void Nvmls_index_is_kept_where_it_differs()
    {
        var status = new GpuStatus(new GpuInfo { Index = 2 }, null);

        Assert.Null(Assert.Single(GpuDescriptions.From([status])).NvmlIndex);
        Assert.Equal(1, Assert.Single(GpuDescriptions.From([status with { NvmlIndex = 1 }])).NvmlIndex);
    }

    [Fact]
    public void Unknown_figures_stay_unknown()
    {
        var description = Assert.Single(GpuDescriptions.From([new GpuStatus(new GpuInfo { Index = 0 }, null)]));

        Assert.Equal(
            ("unknown", "unknown", null, null), (description.Name, description.Uuid, description.FreeMemoryKb, description.Unhealthy));
    }
}
