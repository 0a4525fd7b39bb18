using System.CommandLine;
using System.Net;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service drain</c>: the service ends once its users have left.</summary>
internal static class DrainCommand
{
    public static Command Create()
    {
        var command = new Command(
            "drain",
            "Take no new mandelboxes, wait until those that are there have ended by themselves, then end the service "
            + "(and turn the machine off, where the service manages it).");
        var cancel = new Option<bool>("--cancel")
        {
            Description = "End a drain that is only waiting for users: the host takes mandelboxes again.",
        };
        command.Options.Add(cancel);
        var service = new ServiceOptions().AddTo(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(() => parsed.GetValue(cancel)
            ? CancelAsync(parsed, service, cancellationToken)
            : RunAsync(parsed, service, force: false, cancellationToken)));
        return command;
    }

    /// <summary>Asks for a drain, or with <paramref name="force"/> for a stop; returns the exit code.</summary>
    public static async Task<int> RunAsync(ParseResult parsed, ServiceOptions service, bool force, CancellationToken cancellationToken)
    {
        using var client = service.Client(parsed);
        var body = new { auth_secret = parsed.GetValue(service.Token) ?? "", force };
        var (status, text) = await client.SendAsync(HttpMethod.Post, "/drain_and_shutdown", body, cancellationToken);
        if (status == HttpStatusCode.OK)
        {
            Console.WriteLine(force
                ? "the service is ending, with its mandelboxes"
                : "the host is draining: the service ends when its last mandelbox has; 'host-service stop --host --force' ends them now");
            return ExitCodes.Ended;
        }

        return await ServiceClient.FailedAsync(status, text);
    }

    private static async Task<int> CancelAsync(ParseResult parsed, ServiceOptions service, CancellationToken cancellationToken)
    {
        using var client = service.Client(parsed);
        var (status, text) = await client.SendAsync(HttpMethod.Delete, "/v1/host/drain", null, cancellationToken);
        if (status == HttpStatusCode.NoContent)
        {
            Console.WriteLine("the drain is cancelled: the host takes mandelboxes again");
            return ExitCodes.Ended;
        }

        return await ServiceClient.FailedAsync(status, text);
    }
}
