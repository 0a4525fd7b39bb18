using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace HostService.Infrastructure.Linux.Systemd;

/// <summary>Runs <c>systemctl</c> and says what it said.</summary>
internal sealed class SystemctlProgram(SystemdOptions options, TimeProvider timeProvider)
{
    /// <summary>systemd sets it at its start and at each reload.</summary>
    private const string LoadedAt = "UnitsLoadTimestampMonotonic";

    public Task StartAsync(string unit, CancellationToken cancellationToken) =>
        RunAsync($"start {unit}", $"{unit} cannot be started", ["start", "--", unit], cancellationToken);

    public async Task<long?> UnitsLoadedAtAsync(CancellationToken cancellationToken)
    {
        var said = await RunAsync($"show {LoadedAt}", "systemd cannot be asked when it loaded its units", ["show", $"--property={LoadedAt}", "--value"], cancellationToken);
        return long.TryParse(said, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var microseconds) ? microseconds : null;
    }

    private async Task<string> RunAsync(string what, string whatCannot, string[] arguments, CancellationToken cancellationToken)
    {
        using var process = Launch(whatCannot, arguments);
        using var deadline = new CancellationTokenSource(options.StartTimeout, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            var words = process.StandardError.ReadToEndAsync(either.Token);
            var answer = process.StandardOutput.ReadToEndAsync(either.Token);
            await process.WaitForExitAsync(either.Token);
            if (process.ExitCode != 0)
                throw new SystemdException($"{options.Systemctl} {what} ended with {process.ExitCode}: {(await words).Trim()}");
            return await answer;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new SystemdException($"{options.Systemctl} {what} was not done after {options.StartTimeout.TotalSeconds:0.#} s");
        }
        finally
        {
            // Only the waiting program ends: the unit's start is systemd's job and goes on.
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    private Process Launch(string whatCannot, string[] arguments)
    {
        try
        {
            return Process.Start(new ProcessStartInfo(options.Systemctl, arguments) { RedirectStandardError = true, RedirectStandardOutput = true, UseShellExecute = false })
                ?? throw new SystemdException($"{options.Systemctl} did not start");
        }
        catch (Win32Exception e)
        {
            throw new SystemdException($"{whatCannot}, because {options.Systemctl} cannot be run: {e.Message}", e);
        }
    }
}
