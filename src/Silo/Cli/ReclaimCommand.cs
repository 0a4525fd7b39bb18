using System.CommandLine;
using HostService.Silo.Hosting;
using HostService.Silo.Lifecycle;

namespace HostService.Silo.Cli;

/// <summary><c>host-service reclaim</c>: removes what a crashed service left, and saves its users' configs first.</summary>
internal static class ReclaimCommand
{
    public static Command Create()
    {
        var command = new Command(
            "reclaim",
            "After a crash, with no service running: end the containers that are left, save their users' configs, remove the directories. "
            + "Settings are taken as by run.")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        var dryRun = new Option<bool>("--dry-run") { Description = "Only print what would be done." };
        var discard = new Option<bool>("--discard-unsaved")
        {
            Description = "Remove everything although user configs cannot be saved: they are lost.",
        };
        command.Options.Add(dryRun);
        command.Options.Add(discard);
        command.SetAction(async (parsed, _) =>
        {
            var shutdown = ShutdownSignal.OfThisProcess();
            var configuration = ServiceConfigurationReader.Read([.. parsed.UnmatchedTokens, "--Host:OnLeftovers=reclaim"]);
            await ServiceRun.ReclaimAsync(configuration, shutdown, async (leftovers, cancellationToken) =>
            {
                var left = await leftovers.DescribeAsync(cancellationToken);
                Console.WriteLine(left.Count == 0 ? "nothing is left of an earlier run" : string.Join('\n', left));
                if (left.Count > 0 && !parsed.GetValue(dryRun))
                {
                    await leftovers.ReclaimAsync(parsed.GetValue(discard), cancellationToken);
                    Console.WriteLine("done");
                }
            });
            return ExitCodes.Ended;
        });
        return command;
    }
}
