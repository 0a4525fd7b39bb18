using System.Diagnostics;
using System.Text;

namespace HostService.Tests.Vm;

/// <summary>How a program ended.</summary>
/// <param name="Code">Exit code.</param>
/// <param name="Output">Standard output, without the last line break.</param>
/// <param name="Errors">Standard error, without the last line break.</param>
internal sealed record CommandResult(int Code, string Output, string Errors)
{
    /// <summary>The output; throws when the program failed.</summary>
    public string OutputOf(string what) =>
        Code == 0 ? Output : throw new InvalidOperationException($"{what} ended with {Code}\n{Output}\n{Errors}");
}

internal static class Commands
{
    /// <summary>Runs a program to its end. After the timeout it is killed, and the exception has its output.</summary>
    public static async Task<CommandResult> RunAsync(TimeSpan timeout, string input, string program, params string[] arguments)
    {
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo(program, arguments)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            },
        };
        var output = new StringBuilder();
        var errors = new StringBuilder();
        process.OutputDataReceived += (_, e) => Append(output, e.Data);
        process.ErrorDataReceived += (_, e) => Append(errors, e.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();

        using var limit = new CancellationTokenSource(timeout);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException exception)
        {
            process.Kill(entireProcessTree: true);
            var command = $"{program} {string.Join(' ', arguments)}";
            throw new TimeoutException(
                $"{command} did not end within {timeout.TotalSeconds} s\n{Read(output)}\n{Read(errors)}\n{input}", exception);
        }

        return new CommandResult(process.ExitCode, Read(output), Read(errors));
    }

    private static void Append(StringBuilder text, string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (text)
        {
            text.Append(line).Append('\n');
        }
    }

    private static string Read(StringBuilder text)
    {
        lock (text)
        {
            return text.ToString().TrimEnd('\n');
        }
    }
}
