using System.Diagnostics.Metrics;
using HostService.GrainInterfaces;
using HostService.Tests.Gateway.Fakes;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Gateway.Operator;

public sealed class MetricsTests
{
    [Fact]
    public async Task Metrics_hold_pools_states_gpus_and_the_machine_in_base_units()
    {
        await using var host = await GatewayHost.LocalAsync(Answering());

        var lines = await ScrapeAsync(host);

        Assert.Contains("host_service_up 1", lines);
        Assert.Contains("host_service_ready 1", lines);
        Assert.Contains("host_service_pool_capacity{pool=\"tty\"} 54", lines);
        Assert.Contains("host_service_pool_used{pool=\"slot\"} 2", lines);
        Assert.Contains("host_service_pool_capacity{pool=\"sandbox\"} 4", lines);
        Assert.Contains("host_service_pool_used{pool=\"sandbox\"} 1", lines);
        Assert.Contains("host_service_pool_capacity{pool=\"waiting\"} 3", lines);
        Assert.Contains("host_service_pool_used{pool=\"waiting\"} 2", lines);
        Assert.Contains("host_service_mandelboxes{state=\"running\"} 2", lines);
        Assert.Contains("host_service_mandelboxes{state=\"dying\"} 0", lines);
        Assert.Contains("host_service_leaks 0", lines);
        Assert.Contains("host_service_reserved_slots 3", lines);
        Assert.Contains("host_service_gpu_healthy{gpu=\"0\",name=\"Tesla \\\"T4\\\"\",uuid=\"GPU-a\"} 1", lines);
        Assert.Contains("host_service_gpu_healthy{gpu=\"1\",name=\"Tesla T4\",uuid=\"GPU-b\"} 0", lines);
        Assert.Contains("host_service_gpu_memory_total_bytes{gpu=\"0\",name=\"Tesla \\\"T4\\\"\",uuid=\"GPU-a\"} 15728640000", lines);
        Assert.Contains("host_service_machine_memory_total_bytes 16384000000", lines);
        Assert.Contains("host_service_machine_cpu_utilisation_ratio 0.125", lines);
        // What could not be read is left out.
        Assert.DoesNotContain(lines, l => l.StartsWith("host_service_machine_disk_", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_an_alert_counts_is_there_before_it_happens()
    {
        await using var host = await GatewayHost.LocalAsync(Answering());

        var lines = await ScrapeAsync(host);

        Assert.Contains("host_service_authentication_failures_total{kind=\"user\"} 0", lines);
        Assert.Contains("host_service_authentication_failures_total{kind=\"backend\"} 0", lines);
        Assert.Contains("host_service_gateway_refusals_total{limit=\"connections\"} 0", lines);
        Assert.Contains("host_service_gateway_refusals_total{limit=\"requests\"} 0", lines);
        Assert.Contains("host_service_gateway_refusals_total{limit=\"body_bytes\"} 0", lines);
    }

    [Fact]
    public async Task The_identity_of_the_host_has_short_labels()
    {
        await using var host = await GatewayHost.LocalAsync(Answering());

        var info = Assert.Single(await ScrapeAsync(host), line => line.StartsWith("host_service_info{", StringComparison.Ordinal));

        Assert.Contains("version=\"1.0.0\"", info, StringComparison.Ordinal);
        Assert.Contains("commit=\"0123456789abcdef0123456789abcdef01234567\"", info, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Metrics_of_the_runtime_do_not_end_like_a_part_of_a_histogram()
    {
        await using var host = await GatewayHost.LocalAsync(Answering());

        var lines = await ScrapeAsync(host);

        Assert.Contains(lines, line => line.StartsWith("dotnet_process_cpu_current ", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("dotnet_thread_pool_queue_length_total ", StringComparison.Ordinal));
        Assert.DoesNotContain(
            lines, line => line.StartsWith("dotnet_", StringComparison.Ordinal) && line.Contains("_count", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_host_without_a_pool_of_sandboxes_or_of_waiting_mandelboxes_has_no_figures_of_one()
    {
        await using var host = await GatewayHost.LocalAsync(Answering(Samples.Host() with { Sandboxes = null, Waiting = null }));

        var lines = await ScrapeAsync(host);

        Assert.DoesNotContain(lines, line => line.Contains("pool=\"sandbox\"", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, line => line.Contains("pool=\"waiting\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_names_and_types_of_the_service_s_own_metrics_stay()
    {
        var sample = Samples.Host();
        var host = sample with
        {
            Gpus = [sample.Gpus[0] with { MemoryUtilisationPercent = 1, EncoderSessions = 1 }],
            Metrics = sample.Metrics! with
            {
                FreeMemoryKb = 1,
                AvailableMemoryKb = 1,
                NanoCpusRemaining = 1,
                Gpus = 1,
                TotalGpuMemoryKb = 1,
                UsedGpuMemoryKb = 1,
                FreeGpuMemoryKb = 1,
                GpuPercent = 1,
                GpuMemoryPercent = 1,
                Load5 = 1,
                Load15 = 1,
                DiskTotalKb = 1,
                DiskUsedKb = 1,
                DiskFreeKb = 1,
                DiskUsedPercent = 1,
                UptimeSeconds = 1,
            },
        };
        await using var gateway = await GatewayHost.StartAsync(
            HostEnvironment.Prod, Answering().Host(nameof(IHostGrain.Describe), host));

        var lines = await ScrapeAsync(gateway);

        string[] expected =
        [
            "host_service_authentication_failures_total counter",
            "host_service_failed_spin_ups gauge",
            "host_service_gateway_refusals_total counter",
            "host_service_gpu_encoder_sessions gauge",
            "host_service_gpu_healthy gauge",
            "host_service_gpu_mandelboxes gauge",
            "host_service_gpu_memory_free_bytes gauge",
            "host_service_gpu_memory_total_bytes gauge",
            "host_service_gpu_memory_utilisation_ratio gauge",
            "host_service_gpu_utilisation_ratio gauge",
            "host_service_info gauge",
            "host_service_leaks gauge",
            "host_service_machine_cpu_utilisation_ratio gauge",
            "host_service_machine_disk_free_bytes gauge",
            "host_service_machine_disk_total_bytes gauge",
            "host_service_machine_disk_used_bytes gauge",
            "host_service_machine_disk_used_ratio gauge",
            "host_service_machine_gpu_memory_free_bytes gauge",
            "host_service_machine_gpu_memory_total_bytes gauge",
            "host_service_machine_gpu_memory_used_bytes gauge",
            "host_service_machine_gpu_memory_utilisation_ratio gauge",
            "host_service_machine_gpu_utilisation_ratio gauge",
            "host_service_machine_gpus gauge",
            "host_service_machine_load1 gauge",
            "host_service_machine_load15 gauge",
            "host_service_machine_load5 gauge",
            "host_service_machine_logical_cpus gauge",
            "host_service_machine_memory_available_bytes gauge",
            "host_service_machine_memory_free_bytes gauge",
            "host_service_machine_memory_total_bytes gauge",
            "host_service_machine_nano_cpus_remaining gauge",
            "host_service_machine_read_time_seconds gauge",
            "host_service_machine_uptime_seconds gauge",
            "host_service_mandelboxes gauge",
            "host_service_pool_capacity gauge",
            "host_service_pool_used gauge",
            "host_service_queue_capacity gauge",
            "host_service_queued_spin_ups gauge",
            "host_service_ready gauge",
            "host_service_reserved_slots gauge",
            "host_service_start_time_seconds gauge",
            "host_service_status gauge",
            "host_service_up gauge",
        ];
        Assert.Equal(expected, lines
            .Where(l => l.StartsWith("# TYPE host_service_", StringComparison.Ordinal))
            .Select(l => l["# TYPE ".Length..])
            .Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_label_that_differs_each_time_is_bounded()
    {
        await using var host = await GatewayHost.LocalAsync(Answering());
        var counter = host.Services.GetRequiredService<IMeterFactory>().Create("HostService.Something").CreateCounter<int>(
            "host_service.things");
        for (var i = 0; i < 5000; i++)
        {
            counter.Add(1, new KeyValuePair<string, object?>("id", i));
        }

        var series = (await ScrapeAsync(host)).Where(l => l.StartsWith("host_service_things_total{", StringComparison.Ordinal)).ToList();

        Assert.InRange(series.Count, 1, 301);
        Assert.Contains(series, l => l.Contains("otel_metric_overflow=\"true\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Every_line_is_of_the_text_format_and_every_family_stands_there_once()
    {
        await using var host = await GatewayHost.LocalAsync(Answering());
        await host.SendAsync("PUT", "/spin_up_mandelbox", "{");

        var lines = await ScrapeAsync(host);

        Assert.All(lines, l => Assert.Matches(
            """^(# HELP [a-z_0-9]+ .+|# TYPE [a-z_0-9]+ (counter|gauge|histogram)|[a-z_0-9]+(\{([a-z_0-9]+="([^"\\]|\\.)*",?)+\})? [-+0-9.eE]+)$""", l));
        var families = lines.Where(l => l.StartsWith("# TYPE", StringComparison.Ordinal)).Select(l => l.Split(' ')[2]).ToList();
        Assert.Equal(families.Distinct(StringComparer.Ordinal), families);
    }

    [Fact]
    public async Task Requests_are_counted_by_path_and_status()
    {
        await using var host = await GatewayHost.LocalAsync(Answering());
        for (var i = 0; i < 3; i++)
        {
            await host.SendAsync("PUT", "/spin_up_mandelbox", "{");
        }

        // A request is counted after its answer.
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        string count;
        do
        {
            count = Assert.Single(await ScrapeAsync(host), line =>
                line.StartsWith("http_server_request_duration_seconds_count{", StringComparison.Ordinal)
                && line.Contains("http_route=\"/spin_up_mandelbox\"", StringComparison.Ordinal)
                && line.Contains("http_response_status_code=\"400\"", StringComparison.Ordinal));
        }
        while (!count.EndsWith(" 3", StringComparison.Ordinal) && !late.IsCancellationRequested);

        Assert.EndsWith(" 3", count, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_rooms_instruments_appear_by_themselves()
    {
        await using var host = await GatewayHost.LocalAsync(Answering());
        var meter = host.Services.GetRequiredService<IMeterFactory>().Create("HostService.Something");
        var counter = meter.CreateCounter<int>("host_service.things", description: "Things.");
        counter.Add(2, new KeyValuePair<string, object?>("kind", "a\"b\\\n"));
        counter.Add(3, new KeyValuePair<string, object?>("kind", "a\"b\\\n"));
        meter.CreateHistogram<double>("host_service.step.duration", "s").Record(0.3);
        meter.CreateObservableGauge("host_service.level", () => 7);
        meter.CreateObservableGauge("host_service.broken", int () => throw new InvalidOperationException("cannot be read"));

        var lines = await ScrapeAsync(host);

        Assert.Contains("host_service_things_total{kind=\"a\\\"b\\\\\\n\"} 5", lines);
        Assert.Contains("host_service_step_duration_seconds_bucket{le=\"0.25\"} 0", lines);
        Assert.Contains("host_service_step_duration_seconds_bucket{le=\"0.5\"} 1", lines);
        Assert.Contains("host_service_step_duration_seconds_bucket{le=\"+Inf\"} 1", lines);
        Assert.Contains("host_service_step_duration_seconds_sum 0.3", lines);
        Assert.Contains("host_service_level 7", lines);
    }

    [Fact]
    public async Task A_host_grain_that_fails_costs_its_own_figures_only()
    {
        await using var host = await GatewayHost.LocalAsync();

        var lines = await ScrapeAsync(host);

        Assert.Contains("host_service_up 0", lines);
        Assert.Contains(lines, l => l.StartsWith("dotnet_process_memory_working_set_bytes ", StringComparison.Ordinal));
    }

    private static FakeGrains Answering(HostDescription? host = null) => new FakeGrains()
        .Host(nameof(IHostGrain.Describe), host ?? Samples.Host())
        .Host<IReadOnlyList<MandelboxDescription>>(nameof(IHostGrain.ListMandelboxes), [Samples.Mandelbox(), Samples.Mandelbox("box-2")]);

    private static async Task<string[]> ScrapeAsync(GatewayHost host)
    {
        var response = await host.SendAsync("GET", "/metrics", null, "127.0.0.1");
        response.EnsureSuccessStatusCode();
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        // Braces without labels are correct, and no concern of these tests.
        return (await response.Content.ReadAsStringAsync()).Replace("{} ", " ").Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
