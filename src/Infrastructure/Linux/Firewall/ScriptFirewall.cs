using System.ComponentModel;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Linux.Firewall;

/// <summary>
/// Runs <c>deploy/firewall.sh</c>, which is embedded here: one list of rules for the service and for the unit that loads them at boot.
/// </summary>
internal sealed class ScriptFirewall(IOptions<FirewallOptions> options, TimeProvider timeProvider) : IFirewall
{
    private const string ScriptName = "firewall.sh";

    private static readonly string Script = ReadScript();

    private readonly FirewallOptions _options = options.Value;

    public async Task<IReadOnlyList<string>> LoadAsync(CancellationToken cancellationToken)
    {
        try
        {
            string[] arguments = ["-c", Script, ScriptName, "start"];
            var result = await ShortProcess.RunAsync(_options.Shell, arguments, _options.LoadTimeout, timeProvider, cancellationToken);
            if (result.ExitCode != 0)
            {
                var errors = result.Errors.Trim().ReplaceLineEndings(" ");
                throw new FirewallException($"{ScriptName} start ended with {result.ExitCode}: {errors}");
            }

            return result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (Win32Exception exception)
        {
            throw new FirewallException($"{_options.Shell} cannot be run: {exception.Message}", exception);
        }
        catch (TimeoutException exception)
        {
            throw new FirewallException($"{ScriptName} start was not done after {_options.LoadTimeout.TotalSeconds:0.#} s", exception);
        }
    }

    private static string ReadScript()
    {
        using var resource = typeof(ScriptFirewall).Assembly.GetManifestResourceStream(ScriptName)
            ?? throw new InvalidOperationException($"The resource {ScriptName} is missing.");
        using var reader = new StreamReader(resource);
        return reader.ReadToEnd();
    }
}
