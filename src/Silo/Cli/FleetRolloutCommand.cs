using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using HostService.GrainInterfaces.Fleet;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service fleet rollout</c>: one version for all hosts of a fleet.</summary>
internal static class FleetRolloutCommand
{
    private const string Path = "/v1/fleet/rollout";

    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    public static Command Create()
    {
        var command = new Command(
            "rollout",
            "Upgrade all hosts of a fleet to a version, one after the other; their mandelboxes go on. It halts at the first host that does "
            + "not come back ready. Without an option: show the last rollout. Exit code 1: it has halted.");
        var to = new Option<string?>("--to")
        {
            Description = "The version; hosts have its file where host-service-upgrade@.service looks.",
        };
        var maxUnavailable = NumberOption.Create(
            "--max-unavailable",
            "How many hosts may be upgraded, away or not ready at a time; one, until the first has the version",
            usual: 1,
            most: 1000);
        var minFree = new Option<int>("--min-free")
        {
            Description = "How many mandelboxes the other hosts must be able to take while a host is upgraded.",
        };
        var resume = new Option<bool>("--resume") { Description = "Go on with one that has halted; the host that failed is tried again." };
        var abort = new Option<bool>("--abort") { Description = "Upgrade no further host. Hosts keep the version they have." };
        var wait = new Option<bool>("--wait") { Description = "Show what happens until it has ended or halted." };
        command.Options.Add(to);
        command.Options.Add(maxUnavailable);
        command.Options.Add(minFree);
        command.Options.Add(resume);
        command.Options.Add(abort);
        command.Options.Add(wait);
        command.Validators.Add(result =>
        {
            bool IsGiven(Option option) => result.GetResult(option) is { Implicit: false };
            if (new Option[] { to, resume, abort }.Count(IsGiven) > 1)
            {
                result.AddError("Give one of --to, --resume and --abort.");
            }

            if (!IsGiven(to) && (IsGiven(maxUnavailable) || IsGiven(minFree)))
            {
                result.AddError("--max-unavailable and --min-free go with --to.");
            }
        });
        var service = new ServiceOptions(isFleet: true).AddTo(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            using var client = service.Client(parsed);
            (HttpMethod Method, string Path, JsonNode? Body)? change =
                parsed.GetValue(to) is { } version
                    ? (HttpMethod.Post, Path, new JsonObject
                    {
                        ["version"] = version,
                        ["maxUnavailable"] = parsed.GetValue(maxUnavailable),
                        ["minFree"] = parsed.GetValue(minFree),
                    })
                : parsed.GetValue(resume) ? (HttpMethod.Post, $"{Path}/resume", null)
                : parsed.GetValue(abort) ? (HttpMethod.Delete, Path, null)
                : null;
            if (change is { } asked)
            {
                var (status, text) = await client.SendAsync(asked.Method, asked.Path, asked.Body, cancellationToken);
                if (status is not (HttpStatusCode.Accepted or HttpStatusCode.NoContent))
                {
                    return await ServiceClient.FailedAsync(status, text);
                }
            }

            if (parsed.GetValue(wait))
            {
                await WaitAsync(client, cancellationToken);
            }

            var json = await client.GetAsync(Path, cancellationToken);
            var rollout = ServiceClient.Read<Rollout>(json);
            if (parsed.GetValue(service.Json))
            {
                Console.WriteLine(json);
            }
            else
            {
                Print(rollout);
            }

            return rollout.State == RolloutState.Halted ? ExitCodes.Failed : ExitCodes.Ended;
        }));
        return command;
    }

    /// <summary>A line for each change.</summary>
    private static async Task WaitAsync(ServiceClient client, CancellationToken cancellationToken)
    {
        ProgramFile.LoadAllAssemblies();
        var told = new Dictionary<string, string>(StringComparer.Ordinal);
        string? why = null;
        while (true)
        {
            var rollout = ServiceClient.Read<Rollout>(await client.GetAsync(Path, cancellationToken));
            foreach (var host in rollout.Hosts)
            {
                var line = $"{host.Host}: {MetricLabels.Of(host.State)}";
                if (told.GetValueOrDefault(host.Host) != line)
                {
                    await Console.Error.WriteLineAsync(told[host.Host] = line);
                }
            }

            if (rollout.State != RolloutState.Running)
            {
                return;
            }

            if (rollout.Why != why && (why = rollout.Why) is not null)
            {
                await Console.Error.WriteLineAsync(why);
            }

            await Task.Delay(LookInterval, TimeProvider.System, cancellationToken);
        }
    }

    private static void Print(Rollout rollout)
    {
        var done = rollout.Hosts.Count(host => host.State == RolloutHostState.Upgraded);
        Console.WriteLine(string.Create(
            CultureInfo.CurrentCulture,
            $"{rollout.Version}: {MetricLabels.Of(rollout.State)}, {done} of {rollout.Hosts.Count} hosts have it"
                + $"{(rollout.Why is { } why ? $"; {why}" : "")}"));
        var table = new TextTable(
            new("HOST", ColumnFit.Id), new("ROLLOUT"), new("VERSION"), new("STATE", Dropped: 1), new("USERS", Dropped: 2));
        foreach (var host in rollout.Hosts)
        {
            table.Add(
                host.Host,
                new(MetricLabels.Of(host.State), ToneOf(host.State)),
                host.Version ?? "",
                host.HostState ?? "",
                host.Mandelboxes.ToString(CultureInfo.CurrentCulture));
        }

        Screen.Write(table, "the fleet has no hosts");
    }

    private static Tone ToneOf(RolloutHostState state) => state switch
    {
        RolloutHostState.Upgraded => Tone.Good,
        RolloutHostState.Failed => Tone.Bad,
        RolloutHostState.Upgrading => Tone.Warning,
        _ => Tone.Plain,
    };
}
