namespace HostService.Infrastructure.Linux.Firewall;

/// <summary>The packet filter that keeps mandelboxes from the host's loopback and from credentials (B35).</summary>
public interface IFirewall
{
    /// <summary>
    /// Loads the rules that are missing and leaves the others in force throughout. Returns the rules that it loaded, none when all were there.
    /// Throws <see cref="FirewallException"/> when they are not all loaded afterwards.
    /// </summary>
    Task<IReadOnlyList<string>> LoadAsync(CancellationToken cancellationToken);
}

/// <summary>Where the service does not manage the machine (<c>Host:ManageSystem</c>): rules are the business of whoever does.</summary>
public sealed class NoFirewall : IFirewall
{
    public Task<IReadOnlyList<string>> LoadAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<string>>([]);
}

/// <summary>The rules could not be loaded; the message holds the program's own words.</summary>
public sealed class FirewallException(string message, Exception? inner = null) : Exception(message, inner);
