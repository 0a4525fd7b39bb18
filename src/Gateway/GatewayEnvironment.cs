namespace HostService.Gateway;

/// <summary>Where this gateway runs.</summary>
internal sealed record GatewayEnvironment(HostEnvironment Value);
