using HostService.GrainInterfaces;
using HostService.Infrastructure.Gpu;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Gpu;

public sealed class GpuHealthTests
{
    private readonly ManualClock _clock = new();
    private readonly GpuOptions _options = new() { FailedReadings = 3, HealthyFor = TimeSpan.FromMinutes(5) };

    [Fact]
    public void A_gpu_that_reads_well_may_be_used()
    {
        var status = Assert.Single(Health().Observe(Reading(Gpu(0))));

        Assert.Null(status.Unhealthy);
        Assert.Equal("GPU-0", status.Uuid);
    }

    [Fact]
    public void Every_figure_is_reported_with_memory_in_kilobytes()
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
            Xids = [79],
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
            Unhealthy = "it reported XID 79 (the GPU has fallen off the bus)",
        };
        Assert.Equal(expected, Assert.Single(Health().Observe(Reading(gpu))));
    }

    [Fact]
    public void A_name_or_uuid_that_was_never_read_is_unknown()
    {
        var gpu = Assert.Single(Health().Observe(Reading(new GpuInfo { Index = 0 })));

        Assert.Equal(("unknown", "unknown", null, null), (gpu.Name, gpu.Uuid, gpu.FreeMemoryKb, gpu.Unhealthy));
    }

    [Fact]
    public void A_fatal_xid_takes_the_gpu_out_and_no_other()
    {
        var health = Health();
        health.Observe(Reading(Gpu(0), Gpu(1)));

        var statuses = health.Observe(Reading(Gpu(0), Gpu(1) with { Xids = [31, 79] }));

        Assert.Null(statuses[0].Unhealthy);
        Assert.Equal("it reported XID 79 (the GPU has fallen off the bus)", statuses[1].Unhealthy);
    }

    [Theory]
    [InlineData(13)]
    [InlineData(31)]
    [InlineData(43)]
    [InlineData(45)]
    [InlineData(63)]
    [InlineData(94)]
    public void An_xid_that_an_application_caused_or_the_gpu_contained_is_not_held_against_it(int xid)
    {
        Assert.Null(Health().Observe(Reading(Gpu(0) with { Xids = [xid] }))[0].Unhealthy);
    }

    [Theory]
    [InlineData(48)]
    [InlineData(64)]
    [InlineData(74)]
    [InlineData(79)]
    [InlineData(95)]
    [InlineData(119)]
    [InlineData(120)]
    public void An_xid_that_asks_for_a_reset_is_fatal(int xid)
    {
        Assert.NotNull(Health().Observe(Reading(Gpu(0) with { Xids = [xid] }))[0].Unhealthy);
    }

    [Fact]
    public void The_list_of_fatal_xids_can_be_replaced()
    {
        _options.FatalXids = [31];
        var health = Health();

        Assert.Null(health.Observe(Reading(Gpu(0) with { Xids = [79] }))[0].Unhealthy);
        Assert.Equal("it reported XID 31", health.Observe(Reading(Gpu(0) with { Xids = [31] }))[0].Unhealthy);
    }

    [Fact]
    public void A_gpu_that_vanishes_is_taken_out_at_once_and_stays_on_the_list()
    {
        var health = Health();
        health.Observe(Reading(Gpu(0), Gpu(1)));

        var statuses = health.Observe(Reading(Gpu(0)));

        Assert.Equal(2, statuses.Count);
        Assert.Contains("vanished", statuses[1].Unhealthy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gpu_that_nvml_calls_lost_is_taken_out_at_once()
    {
        var health = Health();
        health.Observe(Reading(Gpu(0)));

        var status = health.Observe(Reading(new GpuInfo { Index = 0, Fault = "handle: GPU is lost", Lost = true }))[0];

        Assert.Equal("it has vanished: handle: GPU is lost", status.Unhealthy);
        Assert.Equal(("GPU-0", null), (status.Uuid, status.FreeMemoryKb));
    }

    [Fact]
    public void Three_failed_readings_in_a_row_take_a_gpu_out_and_two_do_not()
    {
        var health = Health();
        var failed = Reading(new GpuInfo { Index = 0, Uuid = "GPU-0", Fault = "memory: Unknown Error" });
        health.Observe(Reading(Gpu(0)));

        Assert.Null(health.Observe(failed)[0].Unhealthy);
        Assert.Null(health.Observe(failed)[0].Unhealthy);
        Assert.Null(health.Observe(Reading(Gpu(0)))[0].Unhealthy);
        Assert.Null(health.Observe(failed)[0].Unhealthy);
        Assert.Null(health.Observe(failed)[0].Unhealthy);
        Assert.Equal("3 readings in a row failed, the last one with: memory: Unknown Error", health.Observe(failed)[0].Unhealthy);
    }

    [Fact]
    public void A_driver_that_goes_away_is_a_failed_reading_of_every_gpu()
    {
        var health = Health();
        health.Observe(Reading(Gpu(0), Gpu(1)));
        var gone = new GpuReading(GpuAvailability.NoDriver, "Driver Not Loaded", null, []);

        Assert.All(health.Observe(gone), s => Assert.Null(s.Unhealthy));
        health.ReadingFailed("the driver did not answer");
        Assert.All(health.Observe(gone), s => Assert.Contains("Driver Not Loaded", s.Unhealthy, StringComparison.Ordinal));
    }

    [Fact]
    public void A_gpu_that_was_never_read_is_not_used()
    {
        var health = Health();

        Assert.Equal("it could not be read yet: handle: Timeout", health.Observe(Reading(new GpuInfo { Index = 0, Fault = "handle: Timeout" }))[0].Unhealthy);
        Recover(health, Gpu(0));
    }

    [Fact]
    public void A_gpu_comes_back_after_the_configured_time_of_good_health_and_not_before()
    {
        var health = Health();
        health.Observe(Reading(Gpu(0) with { Xids = [79] }));

        Recover(health, Gpu(0));
    }

    [Fact]
    public void A_relapse_begins_the_wait_anew()
    {
        var health = Health();
        health.Observe(Reading(Gpu(0) with { Xids = [79] }));
        health.Observe(Reading(Gpu(0)));
        _clock.Advance(TimeSpan.FromMinutes(4));
        health.Observe(Reading(Gpu(0) with { Fault = "memory: Timeout" }));
        _clock.Advance(TimeSpan.FromMinutes(2));

        Recover(health, Gpu(0));
    }

    [Fact]
    public void A_vanished_gpu_that_returns_under_its_index_comes_back()
    {
        var health = Health();
        health.Observe(Reading(Gpu(0), Gpu(1)));
        health.Observe(Reading(Gpu(0)));

        health.Observe(Reading(Gpu(0), Gpu(1)));
        _clock.Advance(TimeSpan.FromMinutes(5));
        Assert.All(health.Observe(Reading(Gpu(0), Gpu(1))), s => Assert.Null(s.Unhealthy));
    }

    [Fact]
    public void A_gpu_whose_index_moved_because_another_vanished_is_not_taken_for_that_other()
    {
        var health = Health();
        health.Observe(Reading(Gpu(0), Gpu(1), Gpu(2)));

        var statuses = health.Observe(Reading(Gpu(0), Gpu(2) with { Index = 1 }));

        Assert.Equal(["GPU-0", "GPU-1", "GPU-2"], statuses.Select(s => s.Uuid));
        Assert.Null(statuses[0].Unhealthy);
        Assert.Contains("vanished", statuses[1].Unhealthy, StringComparison.Ordinal);
        Assert.Equal((null, 2, 1), (statuses[2].Unhealthy, statuses[2].Index, statuses[2].NvmlIndex));
    }

    [Fact]
    public void Gpus_that_moved_up_are_known_by_their_old_index_and_come_back_to_it_with_the_one_that_vanished()
    {
        var health = Health();
        health.Observe(Reading(Gpu(0), Gpu(1), Gpu(2), Gpu(3)));
        health.Observe(Reading(Gpu(0), Gpu(2) with { Index = 1 }, Gpu(3) with { Index = 2 }));

        var statuses = health.Observe(Reading(Gpu(0), Gpu(1), Gpu(2), Gpu(3)));

        Assert.Equal([0, 1, 2, 3], statuses.Select(s => s.NvmlIndex ?? s.Index));
        Assert.Equal([true, false, true, true], statuses.Select(s => s.Unhealthy is null));
    }

    [Fact]
    public void After_a_move_one_that_cannot_say_its_uuid_is_the_one_that_moved_there()
    {
        var health = Health();
        health.Observe(Reading(Gpu(0), Gpu(1), Gpu(2)));
        health.Observe(Reading(Gpu(0), Gpu(2) with { Index = 1 }));

        var statuses = health.Observe(Reading(Gpu(0), new GpuInfo { Index = 1, Fault = "handle: GPU is lost", Lost = true }));

        Assert.Contains("the driver no longer lists it", statuses[1].Unhealthy, StringComparison.Ordinal);
        Assert.Equal("it has vanished: handle: GPU is lost", statuses[2].Unhealthy);
    }

    [Fact]
    public void Another_card_in_the_place_of_one_is_not_taken_for_it()
    {
        var health = Health();
        health.Observe(Reading(Gpu(0)));

        var statuses = health.Observe(Reading(Gpu(0) with { Uuid = "GPU-new" }));

        Assert.Equal([(0, "GPU-0"), (1, "GPU-new")], statuses.Select(s => (s.Index, s.Uuid)));
        Assert.All(statuses, s => Assert.NotNull(s.Unhealthy));
        _clock.Advance(TimeSpan.FromMinutes(5));
        var later = health.Observe(Reading(Gpu(0) with { Uuid = "GPU-new" }));
        Assert.Equal((null, 1, 0), (later[1].Unhealthy, later[1].Index, later[1].NvmlIndex));
        Assert.NotNull(later[0].Unhealthy);
    }

    [Fact]
    public void A_gpu_that_cannot_say_its_uuid_is_the_one_that_was_at_its_index()
    {
        var health = Health();
        health.Observe(Reading(Gpu(0), Gpu(1)));

        var statuses = health.Observe(Reading(Gpu(0), new GpuInfo { Index = 1, Fault = "UUID: Timeout" }));

        Assert.Equal(2, statuses.Count);
        Assert.Equal("GPU-1", statuses[1].Uuid);
    }

    [Fact]
    public void A_card_that_cannot_say_its_uuid_is_not_the_one_that_moved_away_from_its_index()
    {
        var health = Health();
        health.Observe(Reading(Gpu(0), Gpu(1)));

        var statuses = health.Observe(Reading(new GpuInfo { Index = 0 }, Gpu(0) with { Index = 1 }));

        Assert.Equal(["GPU-0", "GPU-1", "unknown"], statuses.Select(s => s.Uuid));
        Assert.Equal((null, 1), (statuses[0].Unhealthy, statuses[0].NvmlIndex));
        Assert.Contains("vanished", statuses[1].Unhealthy, StringComparison.Ordinal);
        Assert.Equal((2, 0), (statuses[2].Index, statuses[2].NvmlIndex));
    }

    [Fact]
    public void One_that_moved_to_the_index_of_a_card_without_a_uuid_is_known_by_its_own()
    {
        var health = Health();
        health.Observe(Reading(new GpuInfo { Index = 0 }, Gpu(1)));

        var statuses = health.Observe(Reading(Gpu(1) with { Index = 0 }));

        Assert.Equal(["unknown", "GPU-1"], statuses.Select(s => s.Uuid));
        Assert.Contains("vanished", statuses[0].Unhealthy, StringComparison.Ordinal);
        Assert.Equal((null, 0), (statuses[1].Unhealthy, statuses[1].NvmlIndex));
    }

    [Fact]
    public void One_that_had_vanished_and_cannot_say_its_uuid_is_the_one_of_its_index()
    {
        var health = Health();
        health.Observe(Reading(Gpu(0), Gpu(1), Gpu(2)));
        health.Observe(Reading(Gpu(0)));

        var statuses = health.Observe(Reading(Gpu(0), new GpuInfo { Index = 2, FreeMemoryBytes = 5 * 1024 }));

        Assert.Equal([0L, 0L, 5L], statuses.Select(s => s.FreeMemoryKb));
    }

    [Fact]
    public void The_first_reason_stays_while_readings_go_on_to_fail()
    {
        var health = Health();
        health.Observe(Reading(Gpu(0)));
        for (var i = 1; i <= 4; i++)
        {
            health.Observe(Reading(Gpu(0) with { Fault = $"fault {i}" }, new GpuInfo { Index = 1, Fault = $"fault {i}" }));
        }

        var statuses = health.ReadingFailed("the driver is gone");

        Assert.Equal("3 readings in a row failed, the last one with: fault 3", statuses[0].Unhealthy);
        Assert.Equal("it could not be read yet: fault 1", statuses[1].Unhealthy);
    }

    private void Recover(GpuHealth health, GpuInfo gpu)
    {
        Assert.NotNull(health.Observe(Reading(gpu))[0].Unhealthy);
        _clock.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromSeconds(1));
        Assert.NotNull(health.Observe(Reading(gpu))[0].Unhealthy);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(health.Observe(Reading(gpu))[0].Unhealthy);
    }

    private GpuHealth Health() => new(_options, _clock);

    private static GpuReading Reading(params GpuInfo[] gpus) => new(GpuAvailability.Available, null, "550", gpus);

    private static GpuInfo Gpu(int index) => new() { Index = index, Uuid = $"GPU-{index}", Name = "T4", FreeMemoryBytes = 1 };
}
