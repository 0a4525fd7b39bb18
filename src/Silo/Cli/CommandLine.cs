using System.CommandLine;
using System.Text.RegularExpressions;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary>The commands of <c>host-service</c>.</summary>
public static partial class CommandLine
{
    /// <summary>Runs what the arguments ask for and returns the exit code (<see cref="ExitCodes"/>).</summary>
    public static async Task<int> InvokeAsync(string[] arguments)
    {
        var (result, faults) = Parse(arguments);
        if (faults.Count > 0)
        {
            foreach (var fault in faults)
            {
                await Console.Error.WriteLineAsync($"host-service: {fault}");
            }

            await Console.Error.WriteLineAsync("Try 'host-service --help'.");
            return ExitCodes.Usage;
        }

        try
        {
            return await result.InvokeAsync(
                new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (StartRefusedException refusal)
        {
            await Console.Error.WriteLineAsync($"host-service: {refusal.Message}");
            return refusal.ExitCode;
        }
    }

    /// <summary>What is wrong with these arguments, a sentence each; nothing where they could be run.</summary>
    public static IReadOnlyList<string> Check(string[] arguments) => Parse(arguments).Faults;

    private static (ParseResult Result, IReadOnlyList<string> Faults) Parse(string[] arguments)
    {
        // Settings first: behind a command that takes an argument, the parser would take one for that.
        var result = Root().Parse([.. arguments.OrderBy(argument => ServiceConfiguration.Fault(argument) is not null)]);
        List<string> faults = [.. result.Errors.Select(e => InPlainWords(e.Message))];
        if (result.CommandResult.Command.TreatUnmatchedTokensAsErrors)
        {
            // The parser checks unmatched tokens of the root command only, and that one allows them.
            faults.AddRange(result.UnmatchedTokens.Select(token => $"'{token}' is not known here."));
        }

        return (result, [.. faults.Distinct(StringComparer.Ordinal)]);
    }

    /// <summary>The parser names types of .NET.</summary>
    private static string InPlainWords(string error) => ExpectedType().Replace(
        error, match => match.Value.Contains("Int", StringComparison.Ordinal) ? ": it takes a whole number" : ": it takes another value");

    private static RootCommand Root()
    {
        var root = new RootCommand(
            "Runs mandelboxes on this host: containers that run one app for one user and stream it. Without a command: run.");
        foreach (var option in root.Options.OfType<VersionOption>().ToList())
        {
            root.Options.Remove(option);
        }

        var version = new Option<bool>("--version") { Description = "Print the version and what it runs on." };
        root.Options.Add(version);
        root.TreatUnmatchedTokensAsErrors = false;
        root.SetAction(async (parsed, _) =>
            parsed.GetValue(version) ? VersionCommand.Print() : await RunCommand.RunAsync(parsed.UnmatchedTokens));
        root.Subcommands.Add(RunCommand.Create());
        root.Subcommands.Add(StatusCommand.Create());
        root.Subcommands.Add(DoctorCommand.Create());
        root.Subcommands.Add(PsCommand.Create());
        root.Subcommands.Add(HistoryCommand.Create());
        root.Subcommands.Add(ExplainCommand.Create());
        root.Subcommands.Add(EventsCommand.Create());
        root.Subcommands.Add(LogsCommand.Create());
        root.Subcommands.Add(SpinUpCommand.Create());
        root.Subcommands.Add(StopCommand.Create());
        root.Subcommands.Add(DrainCommand.Create());
        root.Subcommands.Add(BenchCommand.Create());
        root.Subcommands.Add(ReclaimCommand.Create());
        root.Subcommands.Add(UpgradeCommand.Create());
        root.Subcommands.Add(LastWordsCommand.Create());
        root.Subcommands.Add(GpusCommand.Create());
        root.Subcommands.Add(GatewayCommand.Create());
        root.Subcommands.Add(RelayCommand.Create());
        root.Subcommands.Add(FleetCommand.Create());
        root.Subcommands.Add(CompletionCommand.Create());
        root.Subcommands.Add(VersionCommand.Create());
        return root;
    }

    [GeneratedRegex(" as expected type '[^']*'", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ExpectedType();
}
