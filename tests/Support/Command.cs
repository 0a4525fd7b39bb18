using System.Diagnostics;

namespace HostService.Tests.Support;

/// <summary>Programs that do something and end.</summary>
internal static class Command
{
    /// <summary>Runs it, also one of /usr/sbin; fails with what it wrote unless it ends with 0.</summary>
    public static async Task RunAsync(params string[] command)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "PATH=$PATH:/usr/sbin:/sbin exec \"$0\" \"$@\"", .. command])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
        })!;
        var errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{string.Join(' ', command)} ended with {process.ExitCode}: {errors}");
        }
    }
}
