using System.CommandLine;
using HostService.Silo.Lifecycle;

namespace HostService.Silo.Cli;

/// <summary><c>host-service run</c>: the service itself.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        var command = new Command(
            "run",
            "Run the service until it is told to end. "
            + "Settings: --Section:Key=value, the environment (Section__Key), /etc/host-service/appsettings.json.")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        command.SetAction((parsed, _) => RunAsync(parsed.UnmatchedTokens));
        return command;
    }

    /// <summary>Runs with these settings of the command line.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> settings)
    {
        // First of all: from here on a signal is a request to end cleanly.
        var shutdown = ShutdownSignal.OfThisProcess();
        return await ServiceRun.RunAsync(ServiceConfigurationReader.Read(settings), shutdown);
    }
}
