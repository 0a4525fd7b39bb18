using System.Text.Json;
using System.Text.Json.Serialization;

namespace HostService.Infrastructure.Gpu;

/// <summary>
/// The output of <c>host-service gpus</c>. Figures have the names and rounding of <c>nvidia-smi --query-gpu=…</c> (memory in whole MiB), so
/// that the two can be compared. A figure that is not supported is null.
/// </summary>
public sealed record GpuReport(
    GpuAvailability Availability,
    string? Detail,
    [property: JsonPropertyName("driver_version")] string? DriverVersion,
    IReadOnlyList<GpuReportRow> Gpus)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter<GpuAvailability>(JsonNamingPolicy.SnakeCaseLower) },
    };

    public static GpuReport From(GpuReading reading) =>
        new(reading.Availability, reading.Detail, reading.DriverVersion, [.. reading.Gpus.Select(GpuReportRow.From)]);

    public string ToJson() => JsonSerializer.Serialize(this, Json);

    /// <summary>One line for a terminal: the driver, or why there is nothing to list.</summary>
    public string Summary => Availability switch
    {
        GpuAvailability.NoLibrary => $"NVML is not installed: {Detail}",
        not GpuAvailability.Available => $"NVIDIA's driver does not answer: {Detail}",
        _ when Gpus.Count == 0 => $"NVIDIA's driver {DriverVersion} works; this machine has no GPU",
        _ => $"driver {DriverVersion ?? "-"}",
    };
}

/// <summary>One GPU, with nvidia-smi's names.</summary>
public sealed record GpuReportRow
{
    [JsonPropertyName("index")]
    public required int Index { get; init; }

    [JsonPropertyName("name")]
    public string? Name { get; init; }

    [JsonPropertyName("uuid")]
    public string? Uuid { get; init; }

    [JsonPropertyName("memory.total")]
    public long? MemoryTotalMiB { get; init; }

    [JsonPropertyName("memory.used")]
    public long? MemoryUsedMiB { get; init; }

    [JsonPropertyName("memory.free")]
    public long? MemoryFreeMiB { get; init; }

    [JsonPropertyName("utilization.gpu")]
    public int? UtilizationGpu { get; init; }

    [JsonPropertyName("utilization.memory")]
    public int? UtilizationMemory { get; init; }

    [JsonPropertyName("encoder.stats.sessionCount")]
    public int? EncoderSessions { get; init; }

    /// <summary>Why the GPU could not be read; null when it could.</summary>
    [JsonPropertyName("fault")]
    public string? Fault { get; init; }

    internal static GpuReportRow From(GpuInfo gpu) => new()
    {
        Index = gpu.Index,
        Name = gpu.Name,
        Uuid = gpu.Uuid,
        MemoryTotalMiB = MiB(gpu.TotalMemoryBytes),
        MemoryUsedMiB = MiB(gpu.UsedMemoryBytes),
        MemoryFreeMiB = MiB(gpu.FreeMemoryBytes),
        UtilizationGpu = gpu.UtilisationPercent,
        UtilizationMemory = gpu.MemoryUtilisationPercent,
        EncoderSessions = gpu.EncoderSessions,
        Fault = gpu.Fault,
    };

    private static long? MiB(long? bytes) => bytes / (1024 * 1024);
}
