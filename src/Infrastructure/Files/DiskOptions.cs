namespace HostService.Infrastructure.Files;

/// <summary>Section <c>Disk</c>: how much of the host's disk mandelboxes may take, and how long their logs are kept.</summary>
public sealed class DiskOptions : IValidatedOptions
{
    public const string Section = "Disk";

    /// <summary>A mandelbox whose logs take more bytes is ended. Each file counts at least 16 KiB here and below.</summary>
    public long LogBytes { get; set; } = 1L << 30;

    /// <summary>A mandelbox whose sockets, resource mappings and user configs together take more bytes is ended.</summary>
    public long HomeBytes { get; set; } = 8L << 30;

    /// <summary>How long the logs of a mandelbox are kept after its end, unless the service ends first (B19).</summary>
    public TimeSpan LogsMaxAge { get; set; } = TimeSpan.FromHours(24);

    /// <summary>The most bytes that all logs together may take; those of the mandelboxes that ended first are removed above it.</summary>
    public long LogsMaxBytes { get; set; } = 10L << 30;

    /// <summary>With fewer bytes free on the disk of <c>Host:Root</c> the host is not ready.</summary>
    public long MinFreeBytes { get; set; } = 1L << 30;

    public TimeSpan CheckInterval { get; set; } = TimeSpan.FromSeconds(5);

    public IEnumerable<string> Validate() => ValidatedOptions.Faults(
        (LogBytes > 0, $"Disk:LogBytes is {LogBytes}; it must be more than 0"),
        (HomeBytes > 0, $"Disk:HomeBytes is {HomeBytes}; it must be more than 0"),
        (LogsMaxBytes > 0, $"Disk:LogsMaxBytes is {LogsMaxBytes}; it must be more than 0"),
        (MinFreeBytes >= 0, $"Disk:MinFreeBytes is {MinFreeBytes}; it must not be negative"),
        ValidatedOptions.Positive("Disk:LogsMaxAge", LogsMaxAge),
        ValidatedOptions.Positive("Disk:CheckInterval", CheckInterval));
}
