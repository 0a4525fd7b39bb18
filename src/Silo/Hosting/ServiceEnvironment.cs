using Microsoft.Extensions.Configuration.EnvironmentVariables;

namespace HostService.Silo.Hosting;

/// <summary>
/// Environment variables, as .NET reads them. A shell and systemd allow no <c>/</c> in a variable's name, so an app with one is named with
/// two underscores: <c>WarmPool__Apps__browsers__chrome</c> is <c>WarmPool:Apps:browsers/chrome</c>.
/// </summary>
internal sealed class ServiceEnvironment : IConfigurationSource
{
    private const string Apps = "WarmPool:Apps:";

    public IConfigurationProvider Build(IConfigurationBuilder builder) => new Provider();

    private sealed class Provider : EnvironmentVariablesConfigurationProvider
    {
        public override void Load()
        {
            base.Load();
            Data = Data.ToDictionary(
                setting => setting.Key.StartsWith(Apps, StringComparison.OrdinalIgnoreCase)
                    ? Apps + setting.Key[Apps.Length..].Replace(':', '/')
                    : setting.Key,
                setting => setting.Value,
                StringComparer.OrdinalIgnoreCase);
        }
    }
}
