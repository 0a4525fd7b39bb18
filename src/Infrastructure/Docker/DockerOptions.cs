using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Docker;

/// <summary>Section <c>Docker</c>: the engine, and how long it may take for what.</summary>
public sealed class DockerOptions
{
    /// <summary><c>unix:///path</c> or <c>tcp://host:port</c>.</summary>
    public string Endpoint { get; set; } = "unix:///var/run/docker.sock";

    /// <summary>Image of an app in a deployed environment (B17); <c>{env}</c> is the environment in lower case, <c>{app}</c> the app.</summary>
    public string ImageTemplate { get; set; } = "ghcr.io/fractal/{env}/{app}:current-build";

    /// <summary>The API version to speak, for example <c>1.41</c>; empty: the newest that both sides know.</summary>
    public string ApiVersion { get; set; } = "";

    /// <summary>For a question, and for what the engine only notes down.</summary>
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>For creating, starting and removing. The first container on a fresh host takes over a minute (B5).</summary>
    public TimeSpan SlowCallTimeout { get; set; } = TimeSpan.FromMinutes(3);

    /// <summary>Wait before the first try to reconnect; doubled with every further one.</summary>
    public TimeSpan ReconnectDelay { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Longest wait between two tries to reconnect.</summary>
    public TimeSpan MaxReconnectDelay { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>An engine that stays away this long is lost, and the service ends (B20).</summary>
    public TimeSpan GiveUpAfter { get; set; } = TimeSpan.FromSeconds(90);

    /// <summary>After this long without an event the engine is asked whether it is still there.</summary>
    public TimeSpan KeepAlive { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Started at start-up, and later when nothing answers, where the service manages the system; empty: never.</summary>
    public string Unit { get; set; } = "docker.service";
}

/// <summary>Names every fault at once.</summary>
internal sealed class DockerOptionsValidator : IValidateOptions<DockerOptions>
{
    private static readonly string[] Schemes = ["unix", "tcp", "http", "https"];

    public ValidateOptionsResult Validate(string? name, DockerOptions options)
    {
        var faults = new List<string>();
        if (!Uri.TryCreate(options.Endpoint, UriKind.Absolute, out var endpoint) || !Schemes.Contains(endpoint.Scheme)
            || (endpoint.Scheme == "unix" && endpoint.LocalPath.Length < 2))
        {
            faults.Add($"Docker:Endpoint must be like unix:///var/run/docker.sock or tcp://127.0.0.1:2375, but is \"{options.Endpoint}\".");
        }

        if (!options.ImageTemplate.Contains("{app}", StringComparison.Ordinal))
        {
            faults.Add($"Docker:ImageTemplate must hold {{app}}, but is \"{options.ImageTemplate}\".");
        }

        if (options.ApiVersion.Length > 0 && !Version.TryParse(options.ApiVersion, out _))
        {
            faults.Add($"Docker:ApiVersion must be like 1.41 or empty, but is \"{options.ApiVersion}\".");
        }

        (string Name, TimeSpan Value)[] times =
        [
            (nameof(options.CallTimeout), options.CallTimeout),
            (nameof(options.SlowCallTimeout), options.SlowCallTimeout),
            (nameof(options.ReconnectDelay), options.ReconnectDelay),
            (nameof(options.MaxReconnectDelay), options.MaxReconnectDelay),
            (nameof(options.GiveUpAfter), options.GiveUpAfter),
            (nameof(options.KeepAlive), options.KeepAlive),
        ];
        faults.AddRange(times
            .Where(t => t.Value <= TimeSpan.Zero || t.Value > TimeSpan.FromHours(1))
            .Select(t => $"Docker:{t.Name} must be over 0 and at most one hour, but is {t.Value}."));
        if (options.ReconnectDelay > options.MaxReconnectDelay)
        {
            faults.Add($"Docker:ReconnectDelay ({options.ReconnectDelay}) must not be over Docker:MaxReconnectDelay ({options.MaxReconnectDelay}).");
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
