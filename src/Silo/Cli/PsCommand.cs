using System.CommandLine;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service ps</c>: the mandelboxes that are there.</summary>
internal static class PsCommand
{
    public static Command Create()
    {
        var command = new Command("ps", "List the mandelboxes of a running service that have not gone, the oldest first.");
        var service = new ServiceOptions().AddTo(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            var text = await client.GetAsync("/v1/mandelboxes", cancellationToken);
            if (parsed.GetValue(service.Json))
            {
                Console.WriteLine(text);
            }
            else
            {
                Print(ServiceClient.Read<IReadOnlyList<MandelboxDescription>>(text));
            }

            return ExitCodes.Ended;
        }));
        return command;
    }

    public static void Print(IReadOnlyList<MandelboxDescription> mandelboxes)
    {
        if (mandelboxes.Count == 0)
        {
            Console.WriteLine("no mandelboxes");
            return;
        }

        Screen.Write(MandelboxTables.Living(mandelboxes, TimeProvider.System.GetUtcNow()));
    }
}
