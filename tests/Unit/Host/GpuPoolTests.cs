using HostService.GrainInterfaces;
using HostService.Grains.Host;

namespace HostService.Tests.Unit.Host;

public sealed class GpuPoolTests
{
    [Fact]
    public void The_least_used_gpu_comes_first_and_the_lowest_index_on_a_tie()
    {
        var pool = new GpuPool([2, 0, 1], perGpu: 2, cpuOnlySlots: 0);

        Assert.Equal([0, 1, 2, 0, 1, 2], Enumerable.Range(0, 6).Select(i => Place(pool, $"m{i}")));
    }

    [Fact]
    public void A_gpu_that_lost_a_mandelbox_gets_the_next_one()
    {
        var pool = new GpuPool([0, 1], perGpu: 2, cpuOnlySlots: 0);
        Place(pool, "a");
        Place(pool, "b");
        Place(pool, "c");
        pool.Release("b");

        Assert.Equal(1, Place(pool, "d"));
    }

    [Fact]
    public void While_one_gpu_is_healthy_or_there_is_none_at_all_nothing_is_out_of_service()
    {
        var pool = new GpuPool([0, 1], perGpu: 1, cpuOnlySlots: 0);
        pool.Update([Unhealthy(0, "XID 79"), Unhealthy(1, null)]);
        Assert.Null(pool.WhyNone);
        Assert.Null(new GpuPool([], perGpu: 1, cpuOnlySlots: 4).WhyNone);

        pool.Update([Unhealthy(0, "XID 79"), Unhealthy(1, "too hot")]);

        Assert.Equal("every GPU is out of service: GPU 0: XID 79; GPU 1: too hot", pool.WhyNone);

        static GpuDescription Unhealthy(int index, string? why) =>
            new() { Index = index, Name = "T4", Uuid = $"GPU-{index}", Unhealthy = why };
    }

    [Fact]
    public void A_second_request_gets_the_same_gpu_and_counts_once()
    {
        var pool = new GpuPool([0, 1], perGpu: 2, cpuOnlySlots: 0);

        Assert.Equal(Place(pool, "a"), Place(pool, "a"));
        Assert.Equal(new PoolFigures(4, 1), pool.Figures);
    }

    [Fact]
    public void A_second_release_has_no_effect()
    {
        var pool = new GpuPool([0], perGpu: 1, cpuOnlySlots: 0);
        Place(pool, "a");

        Assert.True(pool.Release("a"));
        Assert.False(pool.Release("a"));
        Assert.Equal(new PoolFigures(1, 0), pool.Figures);
    }

    [Fact]
    public void A_full_host_refuses_and_says_how_many_slots_there_are()
    {
        var pool = new GpuPool([0, 1], perGpu: 1, cpuOnlySlots: 54);
        Place(pool, "a");
        Place(pool, "b");

        var refusal = Refused(pool, "c");

        Assert.Equal("all GPU slots are in use (2 GPUs, 1 mandelboxes each)", refusal);
    }

    [Fact]
    public void A_host_without_a_gpu_gives_its_cpu_only_slots_and_no_more()
    {
        var pool = new GpuPool([], perGpu: 2, cpuOnlySlots: 2);

        Assert.Equal([-1, -1], [Place(pool, "a"), Place(pool, "b")]);
        Assert.Equal("all 2 CPU-only slots are in use", Refused(pool, "c"));
        Assert.True(pool.Release("a"));
        Assert.Equal(GpuPool.CpuOnly, Place(pool, "c"));
    }

    [Fact]
    public void A_host_without_a_gpu_and_without_cpu_only_slots_says_so()
    {
        Assert.StartsWith("this host has no GPU", Refused(new GpuPool([], perGpu: 2, cpuOnlySlots: 0), "a"), StringComparison.Ordinal);
    }

    [Fact]
    public void An_unhealthy_gpu_gets_no_mandelbox_keeps_its_count_and_recovers()
    {
        var pool = new GpuPool([0, 1], perGpu: 2, cpuOnlySlots: 0);
        Place(pool, "on 0");
        pool.Update([Gpu(0) with { Unhealthy = "XID 79" }, Gpu(1)]);

        Assert.Equal([1, 1], [Place(pool, "a"), Place(pool, "b")]);
        Assert.Contains("GPU 0: XID 79", Refused(pool, "c"), StringComparison.Ordinal);
        Assert.Equal(new PoolFigures(3, 3), pool.Figures);
        Assert.Equal(1, pool.Describe()[0].Used);

        pool.Release("on 0");
        Assert.Equal(new PoolFigures(2, 2), pool.Figures);

        pool.Update([Gpu(0), Gpu(1)]);
        Assert.Equal(0, Place(pool, "c"));
        Assert.Equal(new PoolFigures(4, 3), pool.Figures);
    }

    [Fact]
    public void A_host_whose_gpus_are_all_unhealthy_names_each_and_its_fault()
    {
        var pool = new GpuPool([0, 1], perGpu: 2, cpuOnlySlots: 54);
        pool.Update([Gpu(0) with { Unhealthy = "XID 79" }, Gpu(1) with { Unhealthy = "three readings failed" }]);

        var refusal = Refused(pool, "a");

        Assert.Equal("no GPU is healthy: GPU 0: XID 79, GPU 1: three readings failed", refusal);
    }

    [Fact]
    public void A_gpu_that_is_missing_from_the_list_is_unhealthy_until_it_is_back()
    {
        var pool = new GpuPool([0, 1], perGpu: 2, cpuOnlySlots: 0);
        pool.Update([Gpu(1)]);

        Assert.Equal(1, Place(pool, "a"));
        Assert.NotNull(pool.Describe()[0].Unhealthy);

        pool.Update([Gpu(0), Gpu(1)]);
        Assert.Equal(0, Place(pool, "b"));
    }

    [Fact]
    public void A_gpu_short_of_video_memory_waits_until_it_has_some()
    {
        var pool = new GpuPool([0, 1], perGpu: 2, cpuOnlySlots: 0, minimumFreeMemoryKb: 1000);
        pool.Update([Gpu(0) with { FreeMemoryKb = 999 }, Gpu(1) with { FreeMemoryKb = 1000 }]);

        Assert.Equal([1, 1], [Place(pool, "a"), Place(pool, "b")]);
        var refusal = Refused(pool, "c");
        Assert.Contains("GPU 0: 999 KB free", refusal, StringComparison.Ordinal);

        pool.Update([Gpu(0) with { FreeMemoryKb = 5000 }, Gpu(1)]);
        Assert.Equal(0, Place(pool, "c"));
    }

    [Fact]
    public void A_gpu_that_does_not_report_its_memory_is_used()
    {
        var pool = new GpuPool([], perGpu: 1, cpuOnlySlots: 0, minimumFreeMemoryKb: 1000);
        pool.Update([Gpu(0)]);

        Assert.Equal(0, Place(pool, "a"));
    }

    [Fact]
    public void Gpus_that_appear_later_replace_the_cpu_only_slots()
    {
        var pool = new GpuPool([], perGpu: 2, cpuOnlySlots: 3);
        Place(pool, "a");
        pool.Update([Gpu(0)]);

        Assert.Equal(0, Place(pool, "b"));
        Assert.Equal(new PoolFigures(3, 2), pool.Figures);
        Assert.True(pool.Release("a"));
        Assert.Equal(new PoolFigures(2, 1), pool.Figures);
    }

    [Fact]
    public void A_restored_slot_counts_even_on_a_gpu_that_is_full_or_unknown()
    {
        var pool = new GpuPool([0], perGpu: 1, cpuOnlySlots: 0);

        Assert.True(pool.Restore("a", 0));
        Assert.True(pool.Restore("a", 0));
        Assert.True(pool.Restore("b", 0));
        Assert.True(pool.Restore("c", 7));
        Assert.False(pool.Restore("c", 0));
        Assert.False(pool.Restore("d", -2));
        Assert.Equal(new PoolFigures(3, 3), pool.Figures);
        Assert.NotNull(pool.Describe()[1].Unhealthy);

        pool.Update([Gpu(0), Gpu(7)]);
        Assert.Null(pool.Describe()[1].Unhealthy);
    }

    [Fact]
    public void After_a_gpu_vanished_the_others_get_nvmls_new_index_and_are_counted_as_before()
    {
        var pool = new GpuPool([0, 1, 2], perGpu: 2, cpuOnlySlots: 0);
        Assert.Equal([0, 1, 2], [Place(pool, "a"), Place(pool, "b"), Place(pool, "c")]);

        pool.Update([Gpu(0), Gpu(1) with { Unhealthy = "it has vanished" }, Gpu(2) with { NvmlIndex = 1 }]);

        Assert.Equal([0, 1], [Place(pool, "d"), Place(pool, "e")]);
        Assert.Equal((2, 1), (Place(pool, "c"), Place(pool, "e")));
        Assert.Equal([2, 1, 2], pool.Describe().Select(g => g.Used));
        Assert.StartsWith("all GPU slots are in use", Refused(pool, "f"), StringComparison.Ordinal);

        Assert.True(pool.Release("c"));
        Assert.True(pool.Release("e"));
        Assert.Equal([2, 1, 0], pool.Describe().Select(g => g.Used));
    }

    [Fact]
    public void Impossible_sizes_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new GpuPool([0], perGpu: 0, cpuOnlySlots: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new GpuPool([0], perGpu: 1, cpuOnlySlots: -1));
    }

    private static int Place(GpuPool pool, string owner)
    {
        Assert.True(pool.TryPlace(owner, out var gpu, out var refusal), refusal);
        return gpu;
    }

    private static string Refused(GpuPool pool, string owner)
    {
        Assert.False(pool.TryPlace(owner, out _, out var refusal));
        return refusal;
    }

    private static GpuDescription Gpu(int index) => new() { Index = index, Name = "T4", Uuid = $"GPU-{index}" };
}
