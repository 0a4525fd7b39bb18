using System.CommandLine;
using System.Net;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service stop</c>: ends one mandelbox, or drains the whole host.</summary>
internal static class StopCommand
{
    public static Command Create()
    {
        var command = new Command("stop", "End a mandelbox of a running service, or with --host drain the host and end the service.");
        var id = new Argument<string?>("id") { Description = "The mandelbox to end.", Arity = ArgumentArity.ZeroOrOne };
        var host = new Option<bool>("--host")
        {
            Description = "Drain the host: end every mandelbox, then the service (and the machine, where the service manages it).",
        };
        command.Arguments.Add(id);
        command.Options.Add(host);
        command.Validators.Add(result =>
        {
            if (result.GetValue(host) == result.GetValue(id) is not null)
            {
                result.AddError("Name the mandelbox to end, or give --host to drain the host: one of the two.");
            }
        });
        var service = new ServiceOptions().AddTo(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            var (method, path, body) = parsed.GetValue(host)
                ? (HttpMethod.Post, "/drain_and_shutdown", new { auth_secret = parsed.GetValue(service.Token) ?? "" })
                : (HttpMethod.Delete, $"/v1/mandelboxes/{Uri.EscapeDataString(parsed.GetValue(id)!)}", null);
            var (status, text) = await client.SendAsync(method, path, body, cancellationToken);
            if (status is HttpStatusCode.OK or HttpStatusCode.NoContent or HttpStatusCode.Accepted)
            {
                Console.WriteLine(parsed.GetValue(host) ? "the host is draining" : $"{parsed.GetValue(id)} has ended");
                return ExitCodes.Ended;
            }

            await Console.Error.WriteLineAsync(status == HttpStatusCode.NotFound
                ? $"host-service: there is no mandelbox {parsed.GetValue(id)}"
                : $"host-service: the service answered {(int)status}: {text}");
            return ExitCodes.Failed;
        }));
        return command;
    }
}
