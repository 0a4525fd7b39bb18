using System.ComponentModel;
using System.Diagnostics;

namespace HostService.Machine.Systemd;

/// <summary>Runs <c>systemctl start</c> and says what it said.</summary>
internal sealed class SystemctlProgram(SystemdOptions options, TimeProvider time)
{
    public async Task StartAsync(string unit, CancellationToken cancellationToken)
    {
        using var process = Launch(unit);
        using var deadline = new CancellationTokenSource(options.StartTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            var words = process.StandardError.ReadToEndAsync(either.Token);
            await process.WaitForExitAsync(either.Token);
            if (process.ExitCode != 0)
                throw new SystemdException($"{options.Systemctl} start {unit} ended with {process.ExitCode}: {(await words).Trim()}");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new SystemdException($"{options.Systemctl} start {unit} was not done after {options.StartTimeout.TotalSeconds:0.#} s");
        }
        finally
        {
            // Only the waiting program ends: the unit's start is systemd's job and goes on.
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    private Process Launch(string unit)
    {
        try
        {
            return Process.Start(new ProcessStartInfo(options.Systemctl, ["start", "--", unit]) { RedirectStandardError = true, UseShellExecute = false })
                ?? throw new SystemdException($"{options.Systemctl} did not start");
        }
        catch (Win32Exception e)
        {
            throw new SystemdException($"{unit} cannot be started, because {options.Systemctl} cannot be run: {e.Message}", e);
        }
    }
}
