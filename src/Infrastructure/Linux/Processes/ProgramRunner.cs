using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace HostService.Infrastructure.Linux.Processes;

/// <summary>Runs a short-lived program to its end.</summary>
public static class ProgramRunner
{
    /// <summary>Characters kept of each output; the rest is read and dropped.</summary>
    private const int LongestOutput = 4096;

    /// <summary>The program, and all that it started, is killed at the timeout and on cancellation.</summary>
    /// <param name="program">Looked for in PATH unless it is a path.</param>
    /// <param name="input">For its standard input.</param>
    /// <returns>Its standard output, at most 4096 characters.</returns>
    /// <exception cref="IOException">It cannot be run, failed, or took too long. The message has its exit code and standard
    /// error.</exception>
    public static async Task<string> RunAsync(
        string program,
        IReadOnlyList<string> arguments,
        string input,
        TimeSpan timeout,
        TimeProvider timeProvider,
        CancellationToken cancellationToken)
    {
        var command = string.Join(' ', [program, .. arguments]);
        using var limit = new CancellationTokenSource(timeout, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        using var process = Start(program, arguments);

        // Not disposed of with the process, because somebody might still read them.
        using var standardOutput = process.StandardOutput;
        using var standardError = process.StandardError;
        try
        {
            var output = ReadAsync(standardOutput, either.Token);
            var errors = ReadAsync(standardError, either.Token);
            await WriteAsync(process.StandardInput, input, either.Token);
            await process.WaitForExitAsync(either.Token);
            return process.ExitCode == 0
                ? await output
                : throw new IOException($"{command} ended with {process.ExitCode}: {(await errors).ReplaceLineEndings(" ").Trim()}");
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"{command} did not end within {timeout.TotalSeconds:0.#} s", exception);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }

    private static Process Start(string program, IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception exception)
        {
            // The exception's own message adds the working directory.
            throw new IOException($"{program} cannot be run: {new Win32Exception(exception.NativeErrorCode).Message}", exception);
        }
    }

    private static async Task WriteAsync(StreamWriter standardInput, string input, CancellationToken cancellationToken)
    {
        try
        {
            await standardInput.WriteAsync(input.AsMemory(), cancellationToken);
            standardInput.Close();
        }
        catch (IOException)
        {
            // The program ended without reading all of it; its exit code and standard error say why.
        }
    }

    private static async Task<string> ReadAsync(StreamReader output, CancellationToken cancellationToken)
    {
        var kept = new StringBuilder();
        var buffer = new char[1024];
        while (await output.ReadAsync(buffer, cancellationToken) is > 0 and var count)
        {
            kept.Append(buffer, 0, Math.Min(count, LongestOutput - kept.Length));
        }

        return kept.ToString();
    }
}
