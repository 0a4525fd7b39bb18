using System.Runtime.CompilerServices;
using HostService.Infrastructure.Linux.Firewall;

namespace HostService.Silo.Background;

/// <summary>Loads the firewall when the service starts, and again whenever rules are missing.</summary>
public sealed partial class FirewallMonitor(
    IFirewall firewall,
    RunningEnvironment running,
    IOptions<FirewallOptions> options,
    TimeProvider timeProvider,
    ILogger<FirewallMonitor> logger)
{
    private string? _fault;

    /// <summary>
    /// For start-up. A deployed host that cannot load the firewall must not start: being not ready would not keep mandelboxes away, since
    /// its row says <c>ACTIVE</c> and spin-ups are taken. A local one warns.
    /// </summary>
    /// <exception cref="FirewallException">It cannot be loaded, and the environment is deployed.</exception>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        try
        {
            var loaded = await firewall.LoadAsync(cancellationToken);
            if (loaded.Count > 0)
            {
                LogLoaded(loaded);
            }
        }
        catch (FirewallException exception) when (running.Value.IsLocal)
        {
            _fault = exception.Message;
            LogNotLoaded(exception.Message);
        }
    }

    /// <summary>Checks the rules until cancelled, and loads missing ones. Yields why the host is not ready, or null.</summary>
    public async IAsyncEnumerable<string?> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            await Task.Delay(options.Value.CheckInterval, timeProvider, cancellationToken);
            var fault = await CheckAsync(cancellationToken);
            yield return fault is not null && running.Value.IsDeployed ? $"the firewall is not loaded: {fault}" : null;
        }
    }

    private async Task<string?> CheckAsync(CancellationToken cancellationToken)
    {
        var before = _fault;
        try
        {
            var missing = await firewall.LoadAsync(cancellationToken);
            _fault = null;
            if (missing.Count > 0)
            {
                LogLoadedAgain(missing);
            }
        }
        catch (FirewallException exception)
        {
            _fault = exception.Message;
            if (_fault != before)
            {
                LogNotLoaded(exception.Message);
            }
        }

        return _fault;
    }

    [LoggerMessage(LogLevel.Information, "Firewall rules loaded: {Rules}")]
    private partial void LogLoaded(IReadOnlyList<string> rules);

    [LoggerMessage(LogLevel.Warning, "Firewall rules were missing and are loaded again: {Rules}")]
    private partial void LogLoadedAgain(IReadOnlyList<string> rules);

    [LoggerMessage(LogLevel.Warning, "Firewall not loaded, so mandelboxes may reach the host's loopback and credentials: {Reason}")]
    private partial void LogNotLoaded(string reason);
}
