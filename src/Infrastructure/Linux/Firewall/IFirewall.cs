namespace HostService.Infrastructure.Linux.Firewall;

/// <summary>The packet filter that keeps mandelboxes from the host's loopback and from credentials (B35).</summary>
public interface IFirewall
{
    /// <summary>
    /// Loads missing rules and returns them, and the engine's own rule that forwards published ports, which begins with
    /// <see cref="EngineRule"/>, where that is missing: only the engine can load it. Throws <see cref="FirewallException"/> when not all
    /// others are loaded.
    /// </summary>
    Task<IReadOnlyList<string>> LoadAsync(CancellationToken cancellationToken);

    /// <summary>
    /// What <see cref="LoadAsync"/> would return. Changes nothing. Throws <see cref="FirewallException"/> when they cannot be read.
    /// </summary>
    Task<IReadOnlyList<string>> FindMissingAsync(CancellationToken cancellationToken);

    /// <summary>Of a rule that is the engine's to load.</summary>
    const string EngineRule = "nat ";
}

/// <summary>For machines that this service does not manage (<c>Host:ManageSystem</c> is false).</summary>
public sealed class NoFirewall : IFirewall
{
    public Task<IReadOnlyList<string>> LoadAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<string>>([]);

    public Task<IReadOnlyList<string>> FindMissingAsync(CancellationToken cancellationToken) => LoadAsync(cancellationToken);
}

/// <summary>The rules could not be loaded; the message has the script's error output.</summary>
public sealed class FirewallException(string message, Exception? inner = null) : Exception(message, inner);
