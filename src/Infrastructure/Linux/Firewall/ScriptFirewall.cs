using HostService.Infrastructure.Linux.Processes;

namespace HostService.Infrastructure.Linux.Firewall;

/// <summary>Runs the embedded <c>deploy/firewall.sh</c>: one list of rules, here and in the unit that loads them at boot.</summary>
internal sealed class ScriptFirewall(IOptions<FirewallOptions> options, TimeProvider timeProvider) : IFirewall
{
    private static readonly string Script = EmbeddedFile.Read("firewall.sh");

    public Task<IReadOnlyList<string>> LoadAsync(CancellationToken cancellationToken) => RunAsync("repair", cancellationToken);

    public Task<IReadOnlyList<string>> FindMissingAsync(CancellationToken cancellationToken) => RunAsync("check", cancellationToken);

    private async Task<IReadOnlyList<string>> RunAsync(string command, CancellationToken cancellationToken)
    {
        try
        {
            var rules = await ProgramRunner.RunAsync(
                options.Value.Shell, ["-s", command], Script, options.Value.LoadTimeout, timeProvider, cancellationToken);
            return rules.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (IOException exception)
        {
            throw new FirewallException($"firewall.sh failed: {exception.Message}", exception);
        }
    }
}
