using HostService.Gateway.Operator;
using HostService.GrainInterfaces;

namespace HostService.Gateway.Metrics;

/// <summary>The host's own figures, from what its grain says. Sizes are in bytes and shares from 0 to 1, as is usual; the grain's are KB and percent.</summary>
internal static class HostMetrics
{
    private const double Kb = 1024;

    public static void Write(PrometheusText text, HostDescription host, IReadOnlyList<MandelboxDescription> mandelboxes)
    {
        var who = host.Identity;
        text.Gauge("host_service_up", "Whether the host's grain answers.", 1);
        text.Family("host_service_info", "gauge", "Who this host is; always 1.").Sample(
            1,
            ("version", host.Version), ("environment", host.Environment), ("instance_name", who.InstanceName), ("instance_id", who.InstanceId),
            ("instance_type", who.InstanceType), ("ami_id", who.AmiId), ("region", who.Region));
        text.Gauge("host_service_start_time_seconds", "When the service started, in seconds since 1970.", host.StartedAt.ToUnixTimeMilliseconds() / 1000.0);
        text.Gauge("host_service_ready", "Whether work can be taken, as /readyz says.", Readiness.Reasons(host).Count == 0 ? 1 : 0);
        text.Family("host_service_status", "gauge", "1 for the status that the host has.");
        foreach (var status in Enum.GetValues<HostStatus>())
            text.Sample(host.Status == status ? 1 : 0, ("status", Lower(status)));

        WritePools(text, host);
        text.Family("host_service_mandelboxes", "gauge", "Mandelboxes by state.");
        foreach (var state in Enum.GetValues<MandelboxState>().Where(s => s != MandelboxState.Gone))
            text.Sample(mandelboxes.Count(m => m.State == state), ("state", Lower(state)));
        text.Gauge("host_service_leaks", "Leases whose mandelbox has gone, and containers whose lease is unknown.", host.Leaks);
        WriteGpus(text, host.Gpus);
        if (host.Metrics is { } machine)
            WriteMachine(text, machine);
    }

    public static void WriteUnanswered(PrometheusText text) => text.Gauge("host_service_up", "Whether the host's grain answers.", 0);

    private static void WritePools(PrometheusText text, HostDescription host)
    {
        (string Pool, PoolFigures Figures)[] pools = [("tty", host.Ttys), ("tcp_port", host.TcpPorts), ("udp_port", host.UdpPorts), ("slot", host.Slots)];
        text.Family("host_service_pool_capacity", "gauge", "All there is of what mandelboxes are given.");
        foreach (var (pool, figures) in pools)
            text.Sample(figures.Capacity, ("pool", pool));
        text.Family("host_service_pool_used", "gauge", "What mandelboxes hold.");
        foreach (var (pool, figures) in pools)
            text.Sample(figures.Used, ("pool", pool));
    }

    private static void WriteGpus(PrometheusText text, IReadOnlyList<GpuDescription> gpus)
    {
        Family("host_service_gpu_healthy", "Whether mandelboxes are placed on this GPU.", g => g.Unhealthy is null ? 1 : 0);
        Family("host_service_gpu_mandelboxes", "Mandelboxes on this GPU.", g => g.Used);
        Family("host_service_gpu_memory_total_bytes", "Video memory.", g => g.TotalMemoryKb * Kb);
        Family("host_service_gpu_memory_free_bytes", "Video memory that is free.", g => g.FreeMemoryKb * Kb);
        Family("host_service_gpu_utilisation_ratio", "How busy the GPU is, from 0 to 1.", g => g.UtilisationPercent / 100.0);
        Family("host_service_gpu_memory_utilisation_ratio", "How busy the GPU's memory is, from 0 to 1.", g => g.MemoryUtilisationPercent / 100.0);
        Family("host_service_gpu_encoder_sessions", "Video encoder sessions.", g => g.EncoderSessions);

        void Family(string name, string help, Func<GpuDescription, double?> figure)
        {
            var known = gpus.Select(g => (Gpu: g, Value: figure(g))).Where(f => f.Value is not null).ToList();
            if (known.Count == 0)
                return;
            text.Family(name, "gauge", help);
            foreach (var (gpu, value) in known)
                text.Sample(value!.Value, ("gpu", gpu.Index.ToString()), ("uuid", gpu.Uuid), ("name", gpu.Name));
        }
    }

    private static void WriteMachine(PrometheusText text, MachineFigures machine) => text
        .Gauge("host_service_machine_read_time_seconds", "When the machine's figures were read, in seconds since 1970.", machine.At.ToUnixTimeMilliseconds() / 1000.0)
        .Gauge("host_service_machine_memory_total_bytes", "Memory.", machine.TotalMemoryKb * Kb)
        .Gauge("host_service_machine_memory_free_bytes", "Memory that nothing uses.", machine.FreeMemoryKb * Kb)
        .Gauge("host_service_machine_memory_available_bytes", "Memory that can be had.", machine.AvailableMemoryKb * Kb)
        .Gauge("host_service_machine_logical_cpus", "Logical CPUs.", machine.LogicalCpus)
        .Gauge("host_service_machine_cpu_utilisation_ratio", "How busy the CPUs are, from 0 to 1.", machine.CpuPercent / 100)
        .Gauge("host_service_machine_nano_cpus_remaining", "CPU that is left, in billionths of one.", machine.NanoCpusRemaining)
        .Gauge("host_service_machine_gpus", "GPUs that NVML sees.", machine.Gpus)
        .Gauge("host_service_machine_gpu_memory_total_bytes", "Video memory of all GPUs.", machine.TotalGpuMemoryKb * Kb)
        .Gauge("host_service_machine_gpu_memory_used_bytes", "Video memory in use.", machine.UsedGpuMemoryKb * Kb)
        .Gauge("host_service_machine_gpu_memory_free_bytes", "Video memory that is free.", machine.FreeGpuMemoryKb * Kb)
        .Gauge("host_service_machine_gpu_utilisation_ratio", "How busy the GPUs are, from 0 to 1.", machine.GpuPercent / 100)
        .Gauge("host_service_machine_gpu_memory_utilisation_ratio", "How busy the GPUs' memory is, from 0 to 1.", machine.GpuMemoryPercent / 100)
        .Gauge("host_service_machine_load1", "Load over a minute.", machine.Load1)
        .Gauge("host_service_machine_load5", "Load over 5 minutes.", machine.Load5)
        .Gauge("host_service_machine_load15", "Load over 15 minutes.", machine.Load15)
        .Gauge("host_service_machine_disk_total_bytes", "Disk.", machine.DiskTotalKb * Kb)
        .Gauge("host_service_machine_disk_used_bytes", "Disk in use.", machine.DiskUsedKb * Kb)
        .Gauge("host_service_machine_disk_free_bytes", "Disk that is free.", machine.DiskFreeKb * Kb)
        .Gauge("host_service_machine_disk_used_ratio", "Disk in use, from 0 to 1.", machine.DiskUsedPercent / 100)
        .Gauge("host_service_machine_uptime_seconds", "How long the machine has been up.", machine.UptimeSeconds);

    private static string Lower<TEnum>(TEnum value)
        where TEnum : struct, Enum => value.ToString().ToLowerInvariant();
}
