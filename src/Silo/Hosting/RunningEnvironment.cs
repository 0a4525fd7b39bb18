namespace HostService.Silo.Hosting;

/// <summary>The environment of this process, for dependency injection: an enum cannot be a service.</summary>
public sealed record RunningEnvironment(HostEnvironment Value);
