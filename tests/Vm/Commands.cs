using System.Diagnostics;
using System.Text;

namespace HostService.Tests.Vm;

/// <param name="Code">Exit code.</param>
/// <param name="Output">Standard output, without the last line break.</param>
/// <param name="Errors">Standard error, the same.</param>
internal sealed record Ended(int Code, string Output, string Errors)
{
    /// <summary>The output of a program that had to succeed.</summary>
    public string Must(string what) => Code == 0 ? Output : throw new InvalidOperationException($"{what} ended with {Code}\n{Output}\n{Errors}");
}

internal static class Commands
{
    /// <summary>Runs to the end; a program that is not done by then is killed, and what it had said is in the exception.</summary>
    public static async Task<Ended> RunAsync(TimeSpan deadline, string input, string program, params string[] arguments)
    {
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false },
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

        using var limit = new CancellationTokenSource(deadline);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException e)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} was not done after {deadline.TotalSeconds} s\n{Read(output)}\n{Read(errors)}\n{input}", e);
        }

        return new Ended(process.ExitCode, Read(output), Read(errors));
    }

    private static void Append(StringBuilder text, string? line)
    {
        if (line is null)
            return;
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
