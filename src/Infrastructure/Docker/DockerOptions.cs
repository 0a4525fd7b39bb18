namespace HostService.Infrastructure.Docker;

/// <summary>Section <c>Docker</c>: the engine and its timeouts.</summary>
public sealed class DockerOptions : IValidatedOptions
{
    public const string Section = "Docker";

    /// <summary><c>unix:///path</c> or <c>tcp://host:port</c>.</summary>
    public string Endpoint { get; set; } = "unix:///var/run/docker.sock";

    /// <summary>
    /// Image of an app in a deployed environment (B17); <c>{env}</c> is the environment in lower case, <c>{app}</c> the app.
    /// </summary>
    public string ImageTemplate { get; set; } = "ghcr.io/fractal/{env}/{app}:current-build";

    /// <summary>The API version to use, for example <c>1.41</c>; empty: the newest that both sides support.</summary>
    public string ApiVersion { get; set; } = "";

    /// <summary>For queries, and for calls that only change the engine's records.</summary>
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>For creating, starting and removing. The first container on a fresh host takes over a minute (B5).</summary>
    public TimeSpan SlowCallTimeout { get; set; } = TimeSpan.FromMinutes(3);

    /// <summary>Delay before the first try to reconnect; doubled for each further one.</summary>
    public TimeSpan ReconnectDelay { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>The longest delay between two tries to reconnect.</summary>
    public TimeSpan MaxReconnectDelay { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>An engine that does not answer for this long is lost, and the service ends (B20).</summary>
    public TimeSpan GiveUpAfter { get; set; } = TimeSpan.FromSeconds(90);

    /// <summary>After this long without an event the engine is pinged.</summary>
    public TimeSpan KeepAlive { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The unit to start at start-up, and when the engine does not answer, if the service manages the system; empty: none.
    /// </summary>
    public string Unit { get; set; } = "docker.service";

    /// <summary>The most processes and threads in one container (B17); -1 for no limit.</summary>
    public long PidsLimit { get; set; } = 4096;

    /// <summary>
    /// Bytes in one file of a container's log, at least 1024. The engine keeps what the container writes to its terminal.
    /// </summary>
    public long LogFileBytes { get; set; } = 10 << 20;

    /// <summary>Files of a container's log; the oldest is deleted for a new one.</summary>
    public int LogFiles { get; set; } = 3;

    /// <summary>
    /// Network sandboxes that are kept ready; 0: mandelboxes publish their ports themselves. Default: 4 in deployed environments, 2 in
    /// local ones.
    /// </summary>
    public int? SandboxPool { get; set; }

    public int SandboxesIn(HostEnvironment environment) => SandboxPool ?? (environment.IsDeployed ? 4 : 2);

    public IEnumerable<string> Validate() => ValidatedOptions.Faults(
        (IsEndpoint(Endpoint), $"Docker:Endpoint must be like unix:///var/run/docker.sock or tcp://127.0.0.1:2375, but is \"{Endpoint}\"."),
        (ImageTemplate.Contains("{app}", StringComparison.Ordinal),
            $"Docker:ImageTemplate must contain {{app}}, but is \"{ImageTemplate}\"."),
        (ApiVersion.Length == 0 || Version.TryParse(ApiVersion, out _),
            $"Docker:ApiVersion must be like 1.41 or empty, but is \"{ApiVersion}\"."),
        UpToOneHour("Docker:CallTimeout", CallTimeout),
        UpToOneHour("Docker:SlowCallTimeout", SlowCallTimeout),
        UpToOneHour("Docker:ReconnectDelay", ReconnectDelay),
        UpToOneHour("Docker:MaxReconnectDelay", MaxReconnectDelay),
        UpToOneHour("Docker:GiveUpAfter", GiveUpAfter),
        UpToOneHour("Docker:KeepAlive", KeepAlive),
        (PidsLimit is > 0 or -1, $"Docker:PidsLimit is {PidsLimit}; it must be over 0, for example 4096, or -1 for no limit."),
        (LogFileBytes >= 1024, $"Docker:LogFileBytes is {LogFileBytes}; it must be at least 1024."),
        (SandboxPool is null or (>= 0 and <= 1000),
            $"Docker:SandboxPool is {SandboxPool}; it must be 0 for no sandboxes, or at most 1000."),
        (LogFiles >= 1, $"Docker:LogFiles is {LogFiles}; it must be at least 1."),
        (ReconnectDelay <= MaxReconnectDelay,
            $"Docker:ReconnectDelay ({ReconnectDelay}) must not be over Docker:MaxReconnectDelay ({MaxReconnectDelay})."));

    private static (bool Holds, string Fault) UpToOneHour(string key, TimeSpan value) =>
        (value > TimeSpan.Zero && value <= TimeSpan.FromHours(1), $"{key} must be over 0 and at most one hour, but is {value}.");

    private static bool IsEndpoint(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var endpoint) && endpoint.Scheme is "unix" or "tcp" or "http" or "https"
        && (endpoint.Scheme != "unix" || endpoint.LocalPath.Length > 1);
}
