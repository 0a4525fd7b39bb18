using System.Globalization;
using HostService.Infrastructure.Linux.Processes;

namespace HostService.Infrastructure.Linux.Systemd;

/// <summary>Runs <c>systemctl</c>.</summary>
public sealed class Systemctl(SystemdOptions options, TimeProvider timeProvider)
{
    /// <summary>systemd sets it at its start and at each reload.</summary>
    private const string LoadedAt = "UnitsLoadTimestampMonotonic";

    /// <summary>A timeout ends only systemctl: systemd goes on starting the unit.</summary>
    public Task StartAsync(string unit, CancellationToken cancellationToken) =>
        RunAsync($"{unit} cannot be started", ["start", "--", unit], cancellationToken);

    public async Task<long?> UnitsLoadedAtAsync(CancellationToken cancellationToken)
    {
        var output = await RunAsync(
            "systemd does not tell when it loaded its units", ["show", $"--property={LoadedAt}", "--value"], cancellationToken);
        return long.TryParse(output.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds) ? microseconds : null;
    }

    /// <summary>A property of a unit, as <c>systemctl show</c> prints it.</summary>
    public async Task<string> ReadAsync(string unit, string property, CancellationToken cancellationToken)
    {
        string[] arguments = ["show", $"--property={property}", "--value", "--", unit];
        return (await RunAsync($"systemd does not tell {property} of {unit}", arguments, cancellationToken)).Trim();
    }

    /// <summary>Returns once systemd knows of it; the unit is stopped and started later.</summary>
    public Task RequestRestartAsync(string unit, CancellationToken cancellationToken) =>
        RunAsync($"{unit} cannot be restarted", ["restart", "--no-block", "--", unit], cancellationToken);

    private async Task<string> RunAsync(string failure, string[] arguments, CancellationToken cancellationToken)
    {
        try
        {
            return await ProgramRunner.RunAsync(options.Systemctl, arguments, "", options.StartTimeout, timeProvider, cancellationToken);
        }
        catch (IOException exception)
        {
            throw new SystemdException($"{failure}: {exception.Message}", exception);
        }
    }
}
