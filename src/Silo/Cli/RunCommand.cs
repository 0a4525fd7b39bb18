using System.CommandLine;
using HostService.Silo.Hosting;
using HostService.Silo.Lifecycle;

namespace HostService.Silo.Cli;

/// <summary><c>host-service run</c>: the service itself.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        var command = new Command("run", "Run the service until it is told to end. Settings: --Section:Key=value, the environment (Section__Key), /etc/host-service/appsettings.json.")
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
        var faults = settings.Select(ServiceConfiguration.Fault).OfType<string>().ToList();
        if (faults.Count > 0)
        {
            faults.ForEach(fault => Console.Error.WriteLine($"host-service: {fault}"));
            await Console.Error.WriteLineAsync("Try 'host-service --help'.");
            return ExitCodes.Usage;
        }

        return ServiceConfigurationReader.TryRead(settings, out var configuration, out var fault)
            ? await ServiceRun.RunAsync(configuration, shutdown)
            : await ComplainAsync(fault);
    }

    private static async Task<int> ComplainAsync(string fault)
    {
        await Console.Error.WriteLineAsync($"host-service: {fault}");
        return ExitCodes.Usage;
    }
}
