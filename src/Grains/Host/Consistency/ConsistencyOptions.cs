namespace HostService.Grains.Host.Consistency;

/// <summary>Section <c>Consistency</c>: the comparison of everything that mandelboxes have.</summary>
public sealed class ConsistencyOptions : IValidatedOptions
{
    /// <summary>How often leases, containers, processes, directories, drives, records, sockets and rows are compared.</summary>
    public TimeSpan CheckInterval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a difference must have been there before it is mended.</summary>
    public TimeSpan GracePeriod { get; set; } = TimeSpan.FromMinutes(1);

    public IEnumerable<string> Validate() => ValidatedOptions.Faults(
        ValidatedOptions.Positive("Consistency:CheckInterval", CheckInterval),
        (GracePeriod >= TimeSpan.Zero, $"Consistency:GracePeriod is {GracePeriod}; it must not be negative"));
}
