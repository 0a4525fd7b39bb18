using System.CommandLine;
using HostService.Silo.Hosting;
using HostService.Silo.Lifecycle;

namespace HostService.Silo.Cli;

/// <summary>Commands that are a process of their own, beside the host service.</summary>
internal static class ProcessCommand
{
    /// <summary>Takes settings, and runs until a signal asks for the end.</summary>
    /// <param name="file">The name of the files with its settings, without the suffix.</param>
    public static void SetProcess(
        this Command command, Func<IConfigurationRoot, CancellationToken, Task<int>> run, string file = ServiceConfiguration.HostFile)
    {
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(async (parsed, _) =>
        {
            // As in 'run': from here on a signal is a request to end cleanly.
            var shutdown = ShutdownSignal.OfThisProcess();
            ProgramFile.LoadAllAssemblies();
            return await run(ServiceConfigurationReader.Read(parsed.UnmatchedTokens, file), shutdown.Token);
        });
    }
}
