using System.CommandLine;
using System.Text.Json.Nodes;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service status</c>: what a running service says of itself.</summary>
internal static class StatusCommand
{
    public static Command Create()
    {
        var command = new Command("status", "Show a running service: its state, its pools and its mandelboxes.");
        var service = new ServiceOptions().AddTo(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            var host = await client.GetAsync("/v1/host", cancellationToken);
            var mandelboxes = await client.GetAsync("/v1/mandelboxes", cancellationToken);
            if (parsed.GetValue(service.Json))
            {
                var both = new JsonObject { ["host"] = JsonNode.Parse(host), ["mandelboxes"] = JsonNode.Parse(mandelboxes) };
                Console.WriteLine(both.ToJsonString());
            }
            else
            {
                Print(ServiceClient.Read<HostDescription>(host));
                PsCommand.Print(ServiceClient.Read<IReadOnlyList<MandelboxDescription>>(mandelboxes));
            }

            return ExitCodes.Ended;
        }));
        return command;
    }

    private static void Print(HostDescription host)
    {
        var up = RelativeTime.Lasting(TimeProvider.System.GetUtcNow() - host.StartedAt);

        // Without what it was built from and runs on, which 'version' has.
        var version = host.Version.Split(" (")[0];
        Screen.Write($"{host.Identity.InstanceName}  {host.Status}  {host.Environment}  {version}  up {up}");
        Screen.Write(
            $"slots {TextOf(host.Slots)}, TTYs {TextOf(host.Ttys)}, tcp ports {TextOf(host.TcpPorts)}, udp ports {TextOf(host.UdpPorts)}");
        foreach (var why in host.NotReady)
        {
            Screen.Write($"not ready: {why}");
        }

        foreach (var gpu in host.Gpus.Where(gpu => gpu.Unhealthy is not null))
        {
            Screen.Write($"GPU {gpu.Index} is out of service: {gpu.Unhealthy}");
        }

        if (host.Leaks > 0)
        {
            Screen.Write($"{host.Leaks} things belong to no mandelbox, or are missing of one: see 'host-service doctor'");
        }
    }

    private static string TextOf(PoolFigures pool) => $"{pool.Used}/{pool.Capacity}";
}
