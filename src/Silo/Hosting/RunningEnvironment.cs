using HostService.GrainInterfaces;

namespace HostService.Silo.Hosting;

/// <summary>The environment that this process runs in, for those who are told by injection.</summary>
public sealed record RunningEnvironment(HostEnvironment Value);
