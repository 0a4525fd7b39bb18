using System.CommandLine;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace HostService.Silo.Cli;

/// <summary><c>host-service upgrade</c>: another version of the service, under its running mandelboxes.</summary>
internal static class UpgradeCommand
{
    public static Command Create()
    {
        var command = new Command(
            "upgrade",
            "Replace the binary of the running unit and restart it; mandelboxes go on (needs Host:OnLeftovers=reattach). When the new one "
            + "is not ready in time, the old one is put back. The old binary stays beside the new one, with the suffix .old. "
            + "Exit code 3: refused, and nothing has changed.");
        var to = new Option<FileInfo?>("--to")
        {
            Description = "The new binary. Without it: the installed one, where a package has replaced that already.",
        };
        var expect = new Option<string?>("--expect") { Description = "Refuse another version than this, for example 1.2.0." };
        var unit = new Option<string>("--unit")
        {
            Description = "The service's unit.",
            DefaultValueFactory = _ => "host-service.service",
        };
        var timeout = NumberOption.Create("--timeout", "How many seconds the new one may take to be ready", 120, 3600);
        command.Options.Add(to);
        command.Options.Add(expect);
        command.Options.Add(unit);
        command.Options.Add(timeout);
        var service = new ServiceOptions().AddTo(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            var limit = TimeSpan.FromSeconds(parsed.GetValue(timeout));
            var systemctl = new Systemctl(new SystemdOptions { StartTimeout = limit }, TimeProvider.System);
            ProgramFile.LoadAllAssemblies();
            var upgrade = new Upgrade(client, systemctl, parsed.GetValue(unit)!, limit, TimeProvider.System);
            using var systemd = new SystemdNotifier(
                Options.Create(new SystemdOptions()), TimeProvider.System, NullLogger<SystemdNotifier>.Instance);
            try
            {
                var code = await upgrade.RunAsync(parsed.GetValue(to)?.FullName, parsed.GetValue(expect), cancellationToken);
                systemd.Status(upgrade.Fault ?? "");
                return code;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or SystemdException
                or ServiceClientException or OperationCanceledException)
            {
                await Console.Error.WriteLineAsync($"host-service: {exception.Message}");
                systemd.Status(exception.Message);
                return upgrade.HasChangedAnything ? ExitCodes.Failed : ExitCodes.Refused;
            }
        }));
        return command;
    }
}
