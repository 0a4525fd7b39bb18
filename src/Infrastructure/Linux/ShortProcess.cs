using System.Diagnostics;

namespace HostService.Infrastructure.Linux;

/// <summary>What a process left when it ended.</summary>
internal sealed record ProcessResult(int ExitCode, string Output, string Errors);

/// <summary>Runs a program that ends by itself after a moment.</summary>
internal static class ShortProcess
{
    /// <summary>
    /// Waits for the end of the program; kills it, with its children, when the time is up or the token is cancelled. Throws
    /// <see cref="TimeoutException"/> in the first case, and <see cref="System.ComponentModel.Win32Exception"/> when the program cannot be run.
    /// </summary>
    public static async Task<ProcessResult> RunAsync(
        string program, IEnumerable<string> arguments, TimeSpan timeout, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        using var late = new CancellationTokenSource(timeout, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(either.Token);
            var errors = process.StandardError.ReadToEndAsync(either.Token);
            await process.WaitForExitAsync(either.Token);
            return new ProcessResult(process.ExitCode, await output, await errors);
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"{program} did not end within {timeout.TotalSeconds:0.#} s.", exception);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }
}
