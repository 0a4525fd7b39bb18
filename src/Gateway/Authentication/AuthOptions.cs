namespace HostService.Gateway.Authentication;

/// <summary>Section <c>Auth</c>: which tokens are accepted.</summary>
public sealed class AuthOptions : IValidatedOptions
{
    public const string Section = "Auth";

    /// <summary>The audience that the web backend's tokens name.</summary>
    public const string DefaultAudience = "https://api.fractal.co";

    /// <summary>
    /// The issuer of tokens, exactly as in <c>iss</c>; empty for the environment's default (<see cref="DefaultIssuer"/>).
    /// </summary>
    public string Issuer { get; set; } = "";

    /// <summary>What a token's <c>aud</c> must hold.</summary>
    public string Audience { get; set; } = DefaultAudience;

    /// <summary>A secret that the backend may send instead of a token; empty for none.</summary>
    public string SharedSecret { get; set; } = "";

    /// <summary>Allowed difference between the issuer's clock and ours.</summary>
    public TimeSpan ClockSkew { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Timeout of a request for the issuer's keys.</summary>
    public TimeSpan KeyTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Bad credentials that an address may send within a minute. Further credentials are refused unchecked until a minute has passed since
    /// the first. User tokens and backend credentials are counted separately, so that users behind the backend's address cannot lock it
    /// out. 0 turns the limit off.
    /// </summary>
    public int FailuresPerMinute { get; set; } = 60;

    /// <summary>Addresses and networks to which the limit does not apply, separated by commas: the backend's own, say.</summary>
    public string UnlimitedNetworks { get; set; } = "";

    /// <summary>
    /// Whether a backend call needs a credential. A deployed environment always requires one. A local environment requires one if an
    /// issuer or a shared secret is configured, and otherwise accepts backend calls from loopback only.
    /// </summary>
    public bool BackendIsChecked(HostEnvironment environment) => environment.IsDeployed || SharedSecret.Length > 0 || Issuer.Length > 0;

    /// <summary>The issuer in force.</summary>
    public string IssuerFor(HostEnvironment environment) => Issuer.Length > 0 ? Issuer : DefaultIssuer(environment);

    /// <summary>Where the issuer publishes its keys: <c>&lt;issuer&gt;.well-known/jwks.json</c>.</summary>
    public Uri KeysUrl(HostEnvironment environment)
    {
        var issuer = IssuerFor(environment);
        return new Uri((issuer.EndsWith('/') ? issuer : issuer + "/") + ".well-known/jwks.json");
    }

    public static string DefaultIssuer(HostEnvironment environment) => environment switch
    {
        HostEnvironment.Prod => "https://auth.fractal.co/",
        HostEnvironment.Staging => "https://fractal-staging.us.auth0.com/",
        _ => "https://fractal-dev.us.auth0.com/",
    };

    public IEnumerable<string> Validate() =>
    [
        .. ValidatedOptions.Faults(
            (Issuer.Length == 0 || IsTrustworthy(Issuer),
                $"Auth:Issuer is '{Issuer}'; give an https:// URL as it stands in the tokens (http:// is for loopback only)."),
            (Audience.Length > 0, $"Auth:Audience is empty; leave it out for {DefaultAudience}."),
            (SharedSecret.Length == 0 || !string.IsNullOrWhiteSpace(SharedSecret),
                "Auth:SharedSecret is blank; leave it out to accept tokens only."),
            (ClockSkew >= TimeSpan.Zero && ClockSkew <= TimeSpan.FromMinutes(5),
                $"Auth:ClockSkew is {ClockSkew}; it must be from 0 to 5 minutes."),
            (KeyTimeout > TimeSpan.Zero && KeyTimeout <= TimeSpan.FromMinutes(1),
                $"Auth:KeyTimeout is {KeyTimeout}; it must be longer than zero and at most a minute."),
            (FailuresPerMinute is >= 0 and <= 10_000,
                $"Auth:FailuresPerMinute is {FailuresPerMinute}; it must be from 0 (no limit) to 10000.")),
        .. AddressList.Faults("Auth:UnlimitedNetworks", UnlimitedNetworks),
    ];

    private static bool IsTrustworthy(string issuer) =>
        Uri.TryCreate(issuer, UriKind.Absolute, out var url)
        && (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback))
        && url.Query.Length == 0 && url.Fragment.Length == 0;
}
