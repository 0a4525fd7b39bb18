namespace HostService.Gateway.Operator;

/// <summary>Whether work can be taken, decided from what the host says of itself.</summary>
internal static class Readiness
{
    /// <summary>Why the host is not ready; empty when it is.</summary>
    public static IReadOnlyList<string> Reasons(HostDescription host) =>
        StatusReason(host.Status) is { } status ? [status, .. host.NotReady] : host.NotReady;

    private static string? StatusReason(HostStatus status) => status switch
    {
        HostStatus.Active => null,
        HostStatus.Starting => "The host is still starting and not registered yet.",
        HostStatus.Draining => "The host is draining.",
        HostStatus.Closed => "The host is shutting down.",
        _ => $"The host's status is {status}.",
    };
}
