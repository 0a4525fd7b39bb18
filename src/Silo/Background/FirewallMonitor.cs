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
    private EngineRule _engineRule;

    private enum EngineRule
    {
        NeverSeen,
        Loaded,
        Gone,
    }

    /// <summary>
    /// For start-up. A deployed host that cannot load the firewall must not start: being not ready would not keep mandelboxes away, since
    /// its row says <c>ACTIVE</c> and spin-ups are taken. A local one warns.
    /// </summary>
    /// <exception cref="FirewallException">It cannot be loaded, and the environment is deployed.</exception>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        try
        {
            // The engine, which starts later, loads a rule of its own.
            var loaded = OwnOf(await firewall.LoadAsync(cancellationToken));
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
            var why = await CheckAsync(cancellationToken);
            yield return running.Value.IsDeployed ? why : null;
        }
    }

    private async Task<string?> CheckAsync(CancellationToken cancellationToken)
    {
        var before = _fault;
        try
        {
            var missing = await firewall.LoadAsync(cancellationToken);
            _fault = null;
            if (OwnOf(missing) is { Count: > 0 } own)
            {
                LogLoadedAgain(own);
            }

            return WhyNotForwarded(missing.FirstOrDefault(IsEngines));
        }
        catch (FirewallException exception)
        {
            _fault = exception.Message;
            if (_fault != before)
            {
                LogNotLoaded(exception.Message);
            }
        }

        return $"the firewall is not loaded: {_fault}";
    }

    /// <summary>An engine that is set to leave iptables alone has never loaded the rule.</summary>
    private string? WhyNotForwarded(string? missing)
    {
        var isGone = missing is not null && _engineRule != EngineRule.NeverSeen;
        if (isGone && _engineRule == EngineRule.Loaded)
        {
            LogNotForwarded(missing!);
        }

        _engineRule = missing is null ? EngineRule.Loaded : isGone ? EngineRule.Gone : EngineRule.NeverSeen;
        return isGone
            ? $"clients may not reach mandelboxes: the engine's rule {missing} is gone; restart the engine once no mandelbox runs"
            : null;
    }

    private static IReadOnlyList<string> OwnOf(IReadOnlyList<string> rules) => [.. rules.Where(rule => !IsEngines(rule))];

    private static bool IsEngines(string rule) => rule.StartsWith(IFirewall.EngineRule, StringComparison.Ordinal);

    [LoggerMessage(LogLevel.Information, "Firewall rules loaded: {Rules}")]
    private partial void LogLoaded(IReadOnlyList<string> rules);

    [LoggerMessage(LogLevel.Warning, "Firewall rules were missing and are loaded again: {Rules}")]
    private partial void LogLoadedAgain(IReadOnlyList<string> rules);

    [LoggerMessage(LogLevel.Error, "The engine's rule {Rule} is gone, so clients may not reach mandelboxes")]
    private partial void LogNotForwarded(string rule);

    [LoggerMessage(LogLevel.Warning, "Firewall not loaded, so mandelboxes may reach the host's loopback and credentials: {Reason}")]
    private partial void LogNotLoaded(string reason);
}
