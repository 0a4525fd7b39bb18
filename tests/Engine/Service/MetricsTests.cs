using System.Diagnostics;
using System.Net;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>What Prometheus reads of a running service, with an engine that answers at once.</summary>
public sealed class MetricsTests
{
    [NeedsFact("promtool")]
    public async Task Prometheus_takes_the_metrics_of_a_service_that_has_spun_up_and_failed_without_a_warning()
    {
        await using var instant = await InstantEngine.StartAsync(seed: 1);
        using var directory = new ScratchDirectory();
        await using var service = await StartAsync(instant, directory);
        Assert.Equal(HttpStatusCode.OK, await SpinUpAsync(service, "user"));
        instant.FaultRate = 1;
        Assert.NotEqual(HttpStatusCode.OK, await SpinUpAsync(service, "failing"));

        var (code, complaints) = await CheckAsync(await service.Http.GetStringAsync("/metrics"));

        Assert.Equal((0, ""), (code, complaints));
    }

    [Fact]
    public async Task Every_series_of_a_running_service_is_documented_with_its_labels()
    {
        await using var instant = await InstantEngine.StartAsync(seed: 1);
        using var directory = new ScratchDirectory();
        await using var service = await StartAsync(instant, directory);
        await SpinUpAsync(service, "user");
        instant.FaultRate = 1;
        await SpinUpAsync(service, "failing");

        var exposed = MetricsTable.Series(await service.Http.GetStringAsync("/metrics"))
            .Where(series => series.Family.StartsWith("host_service_", StringComparison.Ordinal))
            .Select(series => $"{series.Family} {string.Join(' ', series.Labels)}")
            .Distinct()
            .ToList();

        Assert.Contains(exposed, series => series.StartsWith("host_service_step_failures_total ", StringComparison.Ordinal));
        var documented = MetricsTable.Read().Values.Select(metric => $"{metric.Name} {string.Join(' ', metric.Labels)}").ToHashSet();
        Assert.Equal([], exposed.Where(series => !documented.Contains(series)));
    }

    [Fact]
    public async Task How_late_the_service_is_is_measured_by_its_timers_and_by_the_engine_s_events()
    {
        await using var instant = await InstantEngine.StartAsync(seed: 1);
        using var directory = new ScratchDirectory();
        await using var service = await StartAsync(instant, directory);
        await SpinUpAsync(service, "user");

        await UntilAsync(
            service,
            lines => lines.Any(line => line.StartsWith("host_service_event_loop_lag_seconds_count", StringComparison.Ordinal))
                && lines.Any(line => line.StartsWith("host_service_engine_event_delay_seconds_count", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("cold")]
    [InlineData("sandbox", "Docker__SandboxPool", "1")]
    [InlineData("warm", EngineFixture.DemoWaiting, "1")]
    public async Task A_spin_up_is_timed_by_its_result_and_the_way_in_which_it_got_its_container(string way, params string[] setting)
    {
        await using var instant = await InstantEngine.StartAsync(seed: 1);
        using var directory = new ScratchDirectory();
        await using var service = await StartAsync(instant, directory, [.. setting.Chunk(2).Select(pair => (pair[0], pair[1]))]);
        await (way switch
        {
            "sandbox" => TestService.UntilPoolIsReadyAsync(service),
            "warm" => service.UntilWaitingAsync(),
            _ => Task.CompletedTask,
        });

        Assert.Equal(HttpStatusCode.OK, await SpinUpAsync(service, "user"));

        await UntilAsync(service, $$"""host_service_spin_up_duration_seconds_count{result="ready",way="{{way}}"} 1""");
    }

    [Fact]
    public async Task A_failed_spin_up_is_told_from_one_that_is_refused_and_so_are_their_steps()
    {
        await using var instant = await InstantEngine.StartAsync(seed: 1);
        using var directory = new ScratchDirectory();
        await using var service = await StartAsync(instant, directory, ("Host__CpuOnlySlots", "1"));
        Assert.Equal(HttpStatusCode.OK, await SpinUpAsync(service, "first"));
        Assert.NotEqual(HttpStatusCode.OK, await SpinUpAsync(service, "at-a-full-host"));
        using var deleted = await service.Http.DeleteAsync("/v1/mandelboxes/first");
        instant.FaultRate = 1;
        Assert.NotEqual(HttpStatusCode.OK, await SpinUpAsync(service, "with-a-faulty-engine"));

        await UntilAsync(
            service,
            """host_service_spin_up_duration_seconds_count{result="ready",way="cold"} 1""",
            """host_service_spin_up_duration_seconds_count{result="refused",way="cold"} 1""",
            """host_service_spin_up_duration_seconds_count{result="failed",way="cold"} 1""",
            """host_service_step_failures_total{action="do",reason="refused",step="lease"} 1""",
            """host_service_mandelbox_ends_total{cause="operator"} 1""");
        Assert.Contains(
            await LinesAsync(service),
            line => line.StartsWith("""host_service_step_failures_total{action="do",reason="engine",step=""", StringComparison.Ordinal));
    }

    private static Task<ServiceProcess> StartAsync(
        InstantEngine engine, ScratchDirectory directory, params (string Key, string Value)[] settings) =>
        ServiceProcess.StartAsync(ServiceSettings.Local(engine.Endpoint, directory).With([("Docker__SandboxPool", "0"), .. settings]));

    private static async Task<HttpStatusCode> SpinUpAsync(ServiceProcess service, string id)
    {
        using var body = new StringContent(TestService.Body(id).ToJsonString());
        using var response = await service.Http.PutAsync("/spin_up_mandelbox", body);
        return response.StatusCode;
    }

    /// <summary>With the labels of each line in alphabetical order, which the exporter does not promise.</summary>
    private static async Task<IReadOnlyList<string>> LinesAsync(ServiceProcess service) =>
        [.. (await service.Http.GetStringAsync("/metrics")).Split('\n').Select(Ordered)];

    private static string Ordered(string line) => line.Split('{', '}') is [var name, var labels, var value]
        ? $"{name}{{{string.Join(',', labels.Split(',').Order(StringComparer.Ordinal))}}}{value}"
        : line;

    /// <summary>Some things are counted after the answer.</summary>
    private static Task UntilAsync(ServiceProcess service, params string[] lines) =>
        UntilAsync(service, there => !lines.Except(there).Any());

    private static async Task UntilAsync(ServiceProcess service, Func<IReadOnlyList<string>, bool> holds)
    {
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        var began = Stopwatch.GetTimestamp();
        while (!holds(await LinesAsync(service)))
        {
            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(20), await service.Http.GetStringAsync("/metrics"));
            await pace.WaitForNextTickAsync();
        }
    }

    private static async Task<(int Code, string Complaints)> CheckAsync(string metrics)
    {
        using var promtool = Process.Start(new ProcessStartInfo(Needs.Program("promtool")!, ["check", "metrics"])
        {
            RedirectStandardInput = true,
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var complaints = Task.WhenAll(promtool.StandardOutput.ReadToEndAsync(), promtool.StandardError.ReadToEndAsync());
        await promtool.StandardInput.WriteAsync(metrics);
        promtool.StandardInput.Close();
        var texts = await complaints;
        await promtool.WaitForExitAsync();
        return (promtool.ExitCode, string.Concat(texts));
    }
}
