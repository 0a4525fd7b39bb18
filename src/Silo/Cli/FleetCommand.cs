using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using HostService.Gateway.Fleet;
using HostService.GrainInterfaces.Fleet;
using HostService.Infrastructure.Fleet;
using HostService.Silo.Fleet;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service fleet</c>: a fleet's own process, and what an operator asks of it.</summary>
internal static class FleetCommand
{
    private const string Mandelboxes = "/v1/fleet/mandelboxes";

    public static Command Create()
    {
        var command = new Command(
            "fleet",
            "Run the fleet: it knows the hosts whose relays connect, and places mandelboxes on them. With a command: ask a fleet.");
        command.SetProcess(FleetRun.RunAsync, ServiceConfiguration.FleetFile);
        command.Subcommands.Add(Init());
        command.Subcommands.Add(FleetStatusCommand.Create());
        command.Subcommands.Add(Hosts());
        command.Subcommands.Add(Ps());
        command.Subcommands.Add(Place());
        command.Subcommands.Add(Explain());
        command.Subcommands.Add(Stop());
        command.Subcommands.Add(Drain());
        command.Subcommands.Add(Forget());
        command.Subcommands.Add(FleetRolloutCommand.Create());
        return command;
    }

    private static Command Init()
    {
        var command = new Command(
            "init",
            "Make the fleet's tables in the database of FleetDatabase:ConnectionString. May be repeated, also with a newer version.")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        var dryRun = new Option<bool>("--dry-run") { Description = "Print the statements instead of running them." };
        command.Options.Add(dryRun);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var configuration = ServiceConfigurationReader.Read(parsed.UnmatchedTokens, ServiceConfiguration.FleetFile);
            if (parsed.GetValue(dryRun))
            {
                Console.Write(FleetSchema.Sql);
                return ExitCodes.Ended;
            }

            var database = configuration.ReadValid<FleetDatabaseOptions>(FleetDatabaseOptions.Section).Npgsql()
                ?? throw new StartRefusedException(
                    ExitCodes.Usage, "FleetDatabase:ConnectionString is empty; set it to the fleet's database.");
            try
            {
                await FleetSchema.ApplyAsync(database, cancellationToken);
            }
            catch (FleetDatabaseException exception)
            {
                throw new StartRefusedException(ExitCodes.Failed, exception.Message, exception);
            }

            Console.WriteLine($"the fleet's tables are in the schema {FleetSchema.Name}");
            return ExitCodes.Ended;
        });
        return command;
    }

    private static Command Hosts()
    {
        var command = new Command("hosts", "List the hosts of a fleet, with their state and room.");
        var service = AddService(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            var json = await client.GetAsync("/v1/fleet/hosts", cancellationToken);
            if (parsed.GetValue(service.Json))
            {
                Console.WriteLine(json);
                return ExitCodes.Ended;
            }

            var hosts = ServiceClient.Read<IReadOnlyList<FleetHost>>(json);
            var table = new TextTable(
                new("HOST", ColumnFit.Id),
                new("STATE"),
                new("FREE"),
                new("USERS"),
                new("WAITING", Dropped: 3),
                new("GPU", Dropped: 1),
                new("REGION", Dropped: 2),
                new("VERSION", Dropped: 4),
                new("WHY", ColumnFit.Text, Dropped: 5));
            foreach (var host in hosts)
            {
                var (report, state) = (host.Report, host.State);
                table.Add(
                    report.Host,
                    new(state, state == FleetHosts.Ready ? Tone.Good : host.Away is null ? Tone.Warning : Tone.Bad),
                    $"{report.Free}/{report.Capacity}",
                    report.Mandelboxes.Count.ToString(CultureInfo.CurrentCulture),
                    report.Waiting.Values.Sum().ToString(CultureInfo.CurrentCulture),
                    string.Join(", ", report.GpuKinds),
                    report.Region,
                    report.Version,
                    host.Away ?? report.Upgrade?.Fault ?? string.Join("; ", report.NotReady));
            }

            Screen.Write(table, "no host has reported");
            return ExitCodes.Ended;
        }));
        return command;
    }

    private static Command Ps()
    {
        var command = new Command("ps", "List the mandelboxes of a fleet, and on which host each is.");
        var service = AddService(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            var json = await client.GetAsync(Mandelboxes, cancellationToken);
            if (parsed.GetValue(service.Json))
            {
                Console.WriteLine(json);
                return ExitCodes.Ended;
            }

            var table = new TextTable(new("MANDELBOX", ColumnFit.Id), new("HOST", ColumnFit.Id), new("STATE"), new("APP", ColumnFit.Id));
            foreach (var mandelbox in JsonNode.Parse(json)!.AsArray())
            {
                // What the host has said last tells nothing while it is out of reach.
                var hostState = $"{mandelbox!["hostState"]}";
                var state = hostState is FleetHosts.Away or FleetHosts.Lost
                    ? new TextCell(hostState, Tone.Bad)
                    : new TextCell($"{mandelbox["state"]}", Tone.Plain);
                table.Add($"{mandelbox["mandelboxId"]}", $"{mandelbox["host"]}", state, $"{mandelbox["appName"]}");
            }

            Screen.Write(table, "no host has a mandelbox");
            return ExitCodes.Ended;
        }));
        return command;
    }

    private static Command Place()
    {
        var command = new Command("place", "Spin a mandelbox up on the host of a fleet that suits it.");
        var spinUp = new SpinUpOptions().AddTo(command);
        Option<string?>[] wishes =
        [
            new("--region") { Description = "Only a host of this region." },
            new("--gpu") { Description = "Only a host with a GPU whose name holds this." },
            new("--host") { Description = "Only this host." },
            new("--order") { Description = "spread: the emptiest host first; pack: the fullest." },
        ];
        foreach (var wish in wishes)
        {
            command.Options.Add(wish);
        }

        var service = AddService(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            var (id, body) = spinUp.Request(parsed);
            foreach (var wish in wishes.Where(wish => parsed.GetValue(wish) is not null))
            {
                body[wish.Name.TrimStart('-')] = parsed.GetValue(wish);
            }

            using var client = service.Client(parsed);
            var (status, text) = await client.SendAsync(HttpMethod.Post, Mandelboxes, body, cancellationToken);
            if (status != HttpStatusCode.OK)
            {
                await Console.Error.WriteLineAsync($"host-service: {id} was not placed ({(int)status}): {SpinUpCommand.Reason(text)}");
                return ExitCodes.Failed;
            }

            var answer = JsonNode.Parse(text)!.AsObject();
            var result = answer["result"]!;
            answer["mandelbox_id"] = id;
            Console.WriteLine(parsed.GetValue(service.Json)
                ? answer.ToJsonString()
                : $"{id} is up on {answer["host"]} ({answer["address"]}): 32262/tcp on {result["port_32262"]}, "
                    + $"32263/udp on {result["port_32263"]}, 32273/tcp on {result["port_32273"]}, AES key {result["aes_key"]}");
            return ExitCodes.Ended;
        }));
        return command;
    }

    private static Command Explain()
    {
        var command = new Command(
            "explain", "Say what a mandelbox of a fleet is doing, or why it ended, as 'host-service explain' does on its host.");
        var id = new Argument<string>("id") { Description = "The mandelbox, living or gone; the id of one that lives may be shortened." };
        command.Arguments.Add(id);
        var service = AddService(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            var name = await FindIdAsync(client, parsed.GetValue(id)!, cancellationToken);
            var json = await client.GetAsync($"{Mandelboxes}/{Uri.EscapeDataString(name)}/timeline", cancellationToken);
            var (host, diagnostics) = ServiceClient.Read<FleetMandelboxDiagnostics>(json);
            var now = TimeProvider.System.GetUtcNow();
            var sentence = Explanation.Of(diagnostics.Mandelbox, now);
            if (parsed.GetValue(service.Json))
            {
                var all = JsonNode.Parse(json)!.AsObject();
                all["explanation"] = sentence;
                Console.WriteLine(all.ToJsonString());
                return ExitCodes.Ended;
            }

            Console.WriteLine($"on host {host}");
            ExplainCommand.Print(diagnostics, sentence, hasEvents: true, now);
            Console.WriteLine("What it has written is on that host: host-service logs");
            return ExitCodes.Ended;
        }));
        return command;
    }

    private static Command Stop()
    {
        var command = new Command("stop", "End a mandelbox, on whatever host of a fleet it is.");
        var id = new Argument<string>("id") { Description = "The mandelbox to end; its id may be shortened." };
        command.Arguments.Add(id);
        var service = AddService(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            var name = await FindIdAsync(client, parsed.GetValue(id)!, cancellationToken);
            var (status, text) = await client.SendAsync(
                HttpMethod.Delete, $"{Mandelboxes}/{Uri.EscapeDataString(name)}", null, cancellationToken);
            return await EndAsync(status, text, HttpStatusCode.NoContent, $"{name} has ended");
        }));
        return command;
    }

    private static Command Drain()
    {
        var command = new Command(
            "drain", "Drain a host of a fleet: it takes no new mandelboxes, and its service ends when its users have left.");
        var host = new Argument<string>("host") { Description = "The host's name, as 'fleet hosts' lists it." };
        var cancel = new Option<bool>("--cancel") { Description = "End a drain that is only waiting for users." };
        command.Arguments.Add(host);
        command.Options.Add(cancel);
        var service = AddService(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            var (name, cancels) = (parsed.GetValue(host)!, parsed.GetValue(cancel));
            var (status, text) = await client.SendAsync(
                cancels ? HttpMethod.Delete : HttpMethod.Post,
                $"/v1/fleet/hosts/{Uri.EscapeDataString(name)}/drain",
                null,
                cancellationToken);
            return cancels
                ? await EndAsync(status, text, HttpStatusCode.NoContent, $"the drain of {name} is cancelled")
                : await EndAsync(status, text, HttpStatusCode.Accepted, $"{name} is draining");
        }));
        return command;
    }

    private static Command Forget()
    {
        var command = new Command(
            "forget",
            "Remove a host that is away and never comes back, with the places of its mandelboxes: they may be placed on other hosts then.");
        var host = new Argument<string>("host") { Description = "The host's name, as 'fleet hosts' lists it." };
        command.Arguments.Add(host);
        var service = AddService(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            var name = parsed.GetValue(host)!;
            var (status, text) = await client.SendAsync(
                HttpMethod.Delete, $"/v1/fleet/hosts/{Uri.EscapeDataString(name)}", null, cancellationToken);
            return await EndAsync(status, text, HttpStatusCode.NoContent, $"{name} is no longer of this fleet");
        }));
        return command;
    }

    /// <summary>The whole id of one that may have been shortened. One that no host has reported is asked for as it was given.</summary>
    private static async Task<string> FindIdAsync(ServiceClient client, string given, CancellationToken cancellationToken)
    {
        var listed = JsonNode.Parse(await client.GetAsync(Mandelboxes, cancellationToken))!.AsArray();
        return ServiceClient.FindId(given, listed.Select(m => $"{m!["mandelboxId"]}")) ?? given;
    }

    private static ServiceOptions AddService(Command command) => new ServiceOptions(isFleet: true).AddTo(command);

    private static async Task<int> EndAsync(HttpStatusCode status, string text, HttpStatusCode expected, string done)
    {
        if (status != expected)
        {
            return await ServiceClient.FailedAsync(status, text);
        }

        Console.WriteLine(done);
        return ExitCodes.Ended;
    }
}
