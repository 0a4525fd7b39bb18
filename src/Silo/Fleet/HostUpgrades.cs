using HostService.GrainInterfaces.Fleet;
using HostService.Infrastructure.Linux.Systemd;

namespace HostService.Silo.Fleet;

/// <summary>
/// Upgrades the host service of this machine, by a unit of systemd: it goes on while this process restarts, and has the rights that this
/// process lacks. The fleet names a version only; where that comes from is the unit's affair.
/// </summary>
internal sealed partial class HostUpgrades(
    IOptions<SystemdOptions> options, TimeProvider timeProvider, ILogger<HostUpgrades> logger)
{
    /// <summary>Longer than the unit may take (<c>TimeoutStartSec=</c>).</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(20);

    private readonly Systemctl _systemctl =
        new(new SystemdOptions { Systemctl = options.Value.Systemctl, StartTimeout = Limit }, timeProvider);

    private readonly Lock _gate = new();

    /// <summary>The one in progress, or the last one; null when there was none.</summary>
    public HostUpgrade? Last { get; private set; }

    /// <summary>Null when it has begun, or one to this version is in progress; else why not.</summary>
    public string? Begin(string version, string attempt)
    {
        if (RolloutRequest.VersionFault(version) is { } fault)
        {
            return fault;
        }

        lock (_gate)
        {
            if (Last is { IsEnded: false } running)
            {
                if (running.Version != version)
                {
                    return $"an upgrade to {running.Version} is in progress";
                }

                Last = running with { Attempt = attempt };
                return null;
            }

            Last = new HostUpgrade(version, attempt);
        }

        _ = RunAsync(version);
        return null;
    }

    private async Task RunAsync(string version)
    {
        var unit = UnitOf(version);
        LogBegins(version, unit);
        var fault = await StartAsync(unit);
        if (fault is not null)
        {
            LogFailed(version, fault);
        }

        lock (_gate)
        {
            Last = Last! with { Fault = fault, IsEnded = true };
        }
    }

    /// <summary>Null once the unit has done its work, else why it has not.</summary>
    private async Task<string?> StartAsync(string unit)
    {
        try
        {
            await _systemctl.StartAsync(unit, CancellationToken.None);
            return null;
        }
        catch (SystemdException exception)
        {
            try
            {
                return await _systemctl.ReadAsync(unit, "StatusText", CancellationToken.None) is { Length: > 0 } said
                    ? said
                    : exception.Message;
            }
            catch (SystemdException)
            {
                return exception.Message;
            }
        }
        catch (Exception exception)
        {
            // Whatever it is: one that seemed to be in progress for ever would keep all others out.
            return exception.Message;
        }
    }

    /// <summary>With the characters that a unit's name may not have escaped, as systemd-escape does it.</summary>
    internal static string UnitOf(string version)
    {
        var escaped = version.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' ? $"{c}" : $"\\x{(int)c:x2}");
        return $"host-service-upgrade@{string.Concat(escaped)}.service";
    }

    [LoggerMessage(LogLevel.Information, "The fleet asks for version {Version}: starting {Unit}")]
    private partial void LogBegins(string version, string unit);

    [LoggerMessage(LogLevel.Error, "The upgrade to {Version} failed: {Why}")]
    private partial void LogFailed(string version, string why);
}
