using System.Diagnostics;

namespace HostService.Infrastructure.Linux.Power;

/// <summary>Turns the machine off, where the environment says so (B1, B30).</summary>
public interface IPower
{
    /// <summary>Asks for it and returns; what follows is the system's.</summary>
    Task ShutDownAsync(CancellationToken cancellationToken);
}

/// <summary><c>shutdown now</c>.</summary>
public sealed class SystemPower : IPower
{
    public async Task ShutDownAsync(CancellationToken cancellationToken)
    {
        using var process = Process.Start(new ProcessStartInfo("shutdown", "now") { RedirectStandardError = true, UseShellExecute = false })
            ?? throw new InvalidOperationException("'shutdown now' did not start.");
        var exception = await process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"'shutdown now' ended with {process.ExitCode}: {exception.Trim()}");
        }
    }
}

/// <summary>For machines that are not ours to turn off (<c>Host:ManageSystem</c> is false).</summary>
public sealed class NoPower : IPower
{
    public Task ShutDownAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
