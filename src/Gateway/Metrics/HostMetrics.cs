using System.Diagnostics.Metrics;
using HostService.Gateway.Operator;

namespace HostService.Gateway.Metrics;

/// <summary>
/// Gauges of what the host's grain knows.
/// Sizes are in bytes and shares from 0 to 1; the grain's are in KB and percent.
/// </summary>
internal sealed partial class HostMetrics : IRefreshedMetrics
{
    private const double Kb = 1024;

    private readonly GrainCalls _grains;
    private readonly ILogger<HostMetrics> _logger;
    private readonly Meter _meter;
    private Snapshot? _snapshot;

    public HostMetrics(GrainCalls grains, IMeterFactory meters, ILogger<HostMetrics> logger)
    {
        _grains = grains;
        _logger = logger;
        _meter = meters.Create("HostService.Host");
        _meter.CreateObservableGauge("host_service.up", () => _snapshot is null ? 0 : 1, description: "Whether the host's grain answers.");
        AddHost();
        AddPools();
        AddGpus();
        AddMachine();
    }

    /// <summary>Asks the host's grain. Without an answer, only <c>up</c> is reported, as 0.</summary>
    public async Task RefreshAsync()
    {
        try
        {
            var host = _grains.WithProbeTimeout(_grains.Host.Describe());
            var mandelboxes = _grains.WithProbeTimeout(_grains.Host.ListMandelboxes());
            await Task.WhenAll(host, mandelboxes);
            _snapshot = new Snapshot(await host, await mandelboxes);
        }
        catch (Exception exception)
        {
            // The other instruments of the process are still worth reporting.
            LogUnanswered(_logger, exception);
            _snapshot = null;
        }
    }

    private void AddHost()
    {
        Add("host_service.info", null, "Identity of this host; always 1.", s => [Info(s.Host)]);
        Add("host_service.start_time", "s", "When the service started, in seconds since 1970.", h => Seconds(h.StartedAt));
        Add("host_service.ready", null, "Whether work can be taken, as /readyz says.", h => Readiness.Reasons(h).Count == 0 ? 1 : 0);
        Add("host_service.status", null, "1 for the status that the host has.", s => Enum.GetValues<HostStatus>()
            .Select(status => new Measurement<double>(s.Host.Status == status ? 1 : 0, Tag("status", MetricLabels.Of(status)))));
        Add("host_service.mandelboxes", null, "Mandelboxes by state.", s => Enum.GetValues<MandelboxState>()
            .Where(state => state != MandelboxState.Gone)
            .Select(state => new Measurement<double>(s.Mandelboxes.Count(m => m.State == state), Tag("state", MetricLabels.Of(state)))));
        Add("host_service.queued_spin_ups", null, "Spin-ups that wait because nothing is free.", h => h.Queue.Count);
        Add("host_service.queue_capacity", null, "Spin-ups that may wait at a time; further ones are refused.", h => h.QueueCapacity);
        Add(
            "host_service.reserved_slots", null, "Mandelboxes for which the fleet has reserved room, and which have no lease yet.",
            h => h.Reserved);
        Add(
            "host_service.failed_spin_ups", null, "Spin-ups that failed in a row through this host or its engine.",
            h => h.FailedSpinUps);
        Add("host_service.leaks", null, "What belongs to no mandelbox, or is missing of one, by the last comparison.", h => h.Leaks);
    }

    private void AddPools()
    {
        Add("host_service.pool.capacity", null, "Size of each pool that mandelboxes lease from.", s => Pools(s.Host, p => p.Capacity));
        Add("host_service.pool.used", null, "How much of each pool is leased.", s => Pools(s.Host, p => p.Used));
    }

    private void AddGpus()
    {
        AddGpu("host_service.gpu.healthy", null, "Whether mandelboxes are placed on this GPU.", g => g.Unhealthy is null ? 1 : 0);
        AddGpu("host_service.gpu.mandelboxes", null, "Mandelboxes on this GPU.", g => g.Used);
        AddGpu("host_service.gpu.memory_total", "By", "Video memory.", g => g.TotalMemoryKb * Kb);
        AddGpu("host_service.gpu.memory_free", "By", "Video memory that is free.", g => g.FreeMemoryKb * Kb);
        AddGpu("host_service.gpu.utilisation_ratio", "1", "How busy the GPU is, from 0 to 1.", g => g.UtilisationPercent / 100.0);
        AddGpu(
            "host_service.gpu.memory_utilisation_ratio", "1", "How busy the GPU's memory is, from 0 to 1.",
            g => g.MemoryUtilisationPercent / 100.0);
        AddGpu("host_service.gpu.encoder_sessions", null, "Video encoder sessions.", g => g.EncoderSessions);
    }

    private void AddMachine()
    {
        Add("read_time", "s", "When the machine's figures were read, in seconds since 1970.", m => Seconds(m.At));
        Add("memory_total", "By", "Memory.", m => m.TotalMemoryKb * Kb);
        Add("memory_free", "By", "Memory that nothing uses.", m => m.FreeMemoryKb * Kb);
        Add("memory_available", "By", "Memory that new processes can get.", m => m.AvailableMemoryKb * Kb);
        Add("logical_cpus", null, "Logical CPUs.", m => m.LogicalCpus);
        Add("cpu_utilisation_ratio", "1", "How busy the CPUs are, from 0 to 1.", m => m.CpuPercent / 100);
        Add("nano_cpus_remaining", null, "CPU that is left, in billionths of one.", m => m.NanoCpusRemaining);
        Add("gpus", null, "GPUs that NVML sees.", m => m.Gpus);
        Add("gpu_memory_total", "By", "Video memory of all GPUs.", m => m.TotalGpuMemoryKb * Kb);
        Add("gpu_memory_used", "By", "Video memory in use.", m => m.UsedGpuMemoryKb * Kb);
        Add("gpu_memory_free", "By", "Video memory that is free.", m => m.FreeGpuMemoryKb * Kb);
        Add("gpu_utilisation_ratio", "1", "How busy the GPUs are, from 0 to 1.", m => m.GpuPercent / 100);
        Add("gpu_memory_utilisation_ratio", "1", "How busy the GPUs' memory is, from 0 to 1.", m => m.GpuMemoryPercent / 100);
        Add("load1", null, "Load over a minute.", m => m.Load1);
        Add("load5", null, "Load over 5 minutes.", m => m.Load5);
        Add("load15", null, "Load over 15 minutes.", m => m.Load15);
        Add("disk_total", "By", "Disk.", m => m.DiskTotalKb * Kb);
        Add("disk_used", "By", "Disk in use.", m => m.DiskUsedKb * Kb);
        Add("disk_free", "By", "Disk that is free.", m => m.DiskFreeKb * Kb);
        Add("disk_used_ratio", "1", "Disk in use, from 0 to 1.", m => m.DiskUsedPercent / 100);
        Add("uptime", "s", "How long the machine has been up.", m => m.UptimeSeconds);

        void Add(string name, string? unit, string description, Func<MachineFigures, double?> figure) =>
            this.Add($"host_service.machine.{name}", unit, description, host => host.Metrics is { } machine ? figure(machine) : null);
    }

    private void AddGpu(string name, string? unit, string description, Func<GpuDescription, double?> figure) =>
        Add(name, unit, description, s => s.Host.Gpus.SelectMany(gpu => Known(
            figure(gpu), Tag("gpu", gpu.Index.ToString()), Tag("name", gpu.Name), Tag("uuid", gpu.Uuid))));

    private void Add(string name, string? unit, string description, Func<HostDescription, double?> figure) =>
        Add(name, unit, description, s => Known(figure(s.Host)));

    private void Add(string name, string? unit, string description, Func<Snapshot, IEnumerable<Measurement<double>>> measure) =>
        _meter.CreateObservableGauge(name, () => _snapshot is { } snapshot ? measure(snapshot) : [], unit, description);

    /// <summary>A figure that could not be read is left out.</summary>
    private static IEnumerable<Measurement<double>> Known(double? figure, params KeyValuePair<string, object?>[] tags) =>
        figure is { } known ? [new Measurement<double>(known, tags)] : [];

    private static Measurement<double> Info(HostDescription host) => new(
        1,
        Tag("ami_id", host.Identity.AmiId),
        Tag("commit", host.Commit),
        Tag("environment", host.Environment),
        Tag("instance_id", host.Identity.InstanceId),
        Tag("instance_name", host.Identity.InstanceName),
        Tag("instance_type", host.Identity.InstanceType),
        Tag("region", host.Identity.Region),
        Tag("version", host.VersionNumber));

    private static IEnumerable<Measurement<double>> Pools(HostDescription host, Func<PoolFigures, double> figure) =>
    [
        new(figure(host.Ttys), Tag("pool", "tty")),
        new(figure(host.TcpPorts), Tag("pool", "tcp_port")),
        new(figure(host.UdpPorts), Tag("pool", "udp_port")),
        new(figure(host.Slots), Tag("pool", "slot")),
        .. host.Waiting is { } waiting ? [new(figure(waiting), Tag("pool", "waiting"))] : Array.Empty<Measurement<double>>(),
        .. host.Sandboxes is { } sandboxes ? [new(figure(sandboxes), Tag("pool", "sandbox"))] : Array.Empty<Measurement<double>>(),
    ];

    private static double Seconds(DateTimeOffset time) => time.ToUnixTimeMilliseconds() / 1000.0;

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);

    [LoggerMessage(LogLevel.Warning, "Metrics of the host are left out: its grain does not answer")]
    private static partial void LogUnanswered(ILogger logger, Exception exception);

    private sealed record Snapshot(HostDescription Host, IReadOnlyList<MandelboxDescription> Mandelboxes);
}
