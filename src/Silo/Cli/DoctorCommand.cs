using System.CommandLine;
using System.Net;
using System.Text.Json;
using HostService.Silo.Doctor;
using HostService.Silo.Hosting;
using HostService.Silo.Lifecycle;

namespace HostService.Silo.Cli;

/// <summary><c>host-service doctor</c>: whether all is well, and what to do where it is not.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var command = new Command(
            "doctor",
            "Check a running service and its machine: engine, firewall, AppArmor, uinput, GPUs, disk, directories, clock, database, "
            + "issuer, telemetry collector, S3, and whether anything belongs to no mandelbox or is missing of one. Exit code 1 where a "
            + "check failed. Without a running service: this machine, with the settings that run would take here.");
        var service = new ServiceOptions().AddTo(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            DoctorReport report;
            try
            {
                var (status, text) = await client.SendAsync(HttpMethod.Get, "/v1/doctor", null, cancellationToken);
                if (status != HttpStatusCode.OK)
                {
                    return await ServiceClient.FailedAsync(status, text);
                }

                report = ServiceClient.Read<DoctorReport>(text);
            }
            catch (ServiceClientException exception) when (parsed.GetValue(service.Address) is null)
            {
                report = await ExamineMachineAsync(exception.Message, parsed.UnmatchedTokens, cancellationToken);
            }

            Print(report, parsed.GetValue(service.Json));
            return report.Checks.Any(check => check.Outcome == CheckOutcome.Failed) ? ExitCodes.Failed : ExitCodes.Ended;
        }));
        return command;
    }

    private static async Task<DoctorReport> ExamineMachineAsync(
        string whyNoService, IReadOnlyList<string> settings, CancellationToken cancellationToken)
    {
        var configuration = ServiceConfigurationReader.Read(settings);

        // Built and not started: nothing listens, and nothing is changed.
        await using var application = ServiceHost.Build(configuration, new ShutdownSignal(TimeProvider.System));
        var checks = await application.Services.GetRequiredService<MachineChecks>().RunAsync(cancellationToken);
        return new DoctorReport(
            [new DoctorCheck("service", CheckOutcome.Failed, whyNoService, "journalctl -u host-service says how it ended"), .. checks], []);
    }

    private static void Print(DoctorReport report, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(report, ServiceClient.Json));
            return;
        }

        // A pipe has no width; keep each row on one line.
        var width = Console.IsOutputRedirected ? int.MaxValue : Math.Max(Console.WindowWidth, 80);
        foreach (var line in DoctorText.Lines(report, width))
        {
            Console.WriteLine(line);
        }
    }
}
