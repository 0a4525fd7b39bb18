using System.Diagnostics;

namespace HostService.Tests.Engine.Service;

/// <summary>The engine's own command line: what an operator would type, and what sees a container from outside of our code.</summary>
internal static class DockerCommand
{
    /// <summary>Runs it to its end; returns what it printed, without the last line feed.</summary>
    public static async Task<string> RunAsync(Uri engine, params string[] arguments)
    {
        var start = new ProcessStartInfo("docker", arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["DOCKER_HOST"] = engine.ToString();
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? output.TrimEnd()
            : throw new InvalidOperationException($"docker {string.Join(' ', arguments)} ended with {process.ExitCode}: {await errors}");
    }

    /// <summary>An image that is the demo's but for its command.</summary>
    public static async Task MakeImageAsync(Uri engine, string tag, string command)
    {
        var container = await RunAsync(engine, "create", Support.FakeContainerEngine.DemoImage);
        try
        {
            await RunAsync(engine, "commit", "--change", $"CMD {command}", container, tag);
        }
        finally
        {
            await RunAsync(engine, "rm", "--force", container);
        }
    }
}
