using System.CommandLine;
using HostService.Silo.Hosting;
using HostService.Silo.Lifecycle;

namespace HostService.Silo.Cli;

/// <summary><c>host-service last-words</c>: says what a service that was killed could not (B30).</summary>
internal static class LastWordsCommand
{
    public static Command Create()
    {
        var command = new Command(
            "last-words",
            "For ExecStopPost= of the unit: where the service was killed or has crashed, report that to Sentry and to the webserver, and "
            + "mark the host as draining. Does nothing where the service ended by itself. Settings are taken as by run.")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        command.SetAction((parsed, _) => RunAsync(parsed.UnmatchedTokens));
        return command;
    }

    private static async Task<int> RunAsync(IReadOnlyList<string> settings)
    {
        if (Environment.GetEnvironmentVariable("SERVICE_RESULT") is not { Length: > 0 } result)
        {
            throw new StartRefusedException(
                ExitCodes.Usage, "SERVICE_RESULT is not set: systemd runs this command, as ExecStopPost= of host-service.service.");
        }

        var cause = SystemdResult.CauseOf(
            result, Environment.GetEnvironmentVariable("EXIT_CODE"), Environment.GetEnvironmentVariable("EXIT_STATUS"));
        if (cause is not null)
        {
            await ServiceRun.SayLastWordsAsync(ServiceConfigurationReader.Read(settings), cause);
        }

        return ExitCodes.Ended;
    }
}
