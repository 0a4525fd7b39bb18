using System.CommandLine;
using System.Net;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service stop</c>: ends one mandelbox, or the whole host, which is a drain unless it is forced.</summary>
internal static class StopCommand
{
    public static Command Create()
    {
        var command = new Command("stop", "End a mandelbox of a running service, or with --host the service itself.");
        var id = new Argument<string?>("id")
        {
            Description = "The mandelbox to end; its id may be shortened.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var host = new Option<bool>("--host")
        {
            Description = "End the service (and turn the machine off, where the service manages it), after a drain as 'drain' begins one.",
        };
        var force = new Option<bool>("--force")
        {
            Description = "With --host: end every mandelbox now, whoever uses it, instead of waiting for them.",
        };
        command.Arguments.Add(id);
        command.Options.Add(host);
        command.Options.Add(force);
        command.Validators.Add(result =>
        {
            if (result.GetValue(host) == result.GetValue(id) is not null)
            {
                result.AddError("Name the mandelbox to end, or give --host to end the service: one of the two.");
            }

            if (result.GetValue(force) && !result.GetValue(host))
            {
                result.AddError("--force goes with --host.");
            }
        });
        var service = new ServiceOptions().AddTo(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            if (parsed.GetValue(host))
            {
                return await DrainCommand.RunAsync(parsed, service, parsed.GetValue(force), cancellationToken);
            }

            using var client = service.Client(parsed);
            var name = await client.FindIdAsync(parsed.GetValue(id)!, alsoGone: false, cancellationToken);
            var (status, text) = await client.SendAsync(
                HttpMethod.Delete, $"/v1/mandelboxes/{Uri.EscapeDataString(name)}", null, cancellationToken);
            if (status == HttpStatusCode.NoContent)
            {
                Console.WriteLine($"{name} has ended");
                return ExitCodes.Ended;
            }

            if (status != HttpStatusCode.NotFound)
            {
                return await ServiceClient.FailedAsync(status, text);
            }

            await Console.Error.WriteLineAsync($"host-service: there is no mandelbox {name}");
            return ExitCodes.Failed;
        }));
        return command;
    }
}
