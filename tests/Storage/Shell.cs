using System.Diagnostics;

namespace HostService.Tests.Storage;

internal static class Shell
{
    /// <summary>
    /// Runs a command line and gives back what it printed; a status other than 0 fails the test with what it complained of.
    /// </summary>
    public static async Task<string> RunAsync(string command, params string[] arguments)
    {
        var start = new ProcessStartInfo("bash") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])["-euo", "pipefail", "-c", command, "bash", .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{command} ended with {process.ExitCode}: {await errors}");
        return output;
    }
}
