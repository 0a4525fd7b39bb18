using System.Diagnostics.Metrics;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using HostService.Gateway.Limits;
using Microsoft.AspNetCore.Http;

namespace HostService.Gateway.Authentication;

/// <summary>An authenticated caller; without an id, a refused one. RetryAfter is set when the failure limit is the reason.</summary>
internal readonly record struct Caller(string? Id, TimeSpan? RetryAfter = null)
{
    public static Caller Backend => new("backend");

    public static Caller Nobody => default;
}

/// <summary>
/// Authenticates callers. A deployed environment verifies every credential. A local one verifies no user tokens, and backend credentials
/// only if an issuer or a shared secret is configured.
/// </summary>
internal sealed partial class Authenticator(
    TokenVerifier tokens, FailureLimiter limiter, IOptions<AuthOptions> options, RunningEnvironment environment, IHostName host,
    IMeterFactory meters, TimeProvider timeProvider, ILogger<Authenticator> logger)
{
    private const string BackendScope = "backend";

    /// <summary>Bounds the log lines of all addresses together; the limiter bounds those of one.</summary>
    private const int LinesPerMinute = 100;

    private readonly HostEnvironment _environment = environment.Value;
    private readonly byte[]? _secretHash = options.Value.SharedSecret is { Length: > 0 } secret ? Hash(secret) : null;
    private readonly bool _checksBackend = options.Value.BackendIsChecked(environment.Value);
    private readonly LogLineLimit _lines = new(LinesPerMinute, timeProvider);
    private readonly CounterFromZero<CredentialKind> _failures = new(
        meters.Create("HostService.Gateway"),
        "host_service.authentication.failures",
        "Credentials that were refused, by kind.",
        Enum.GetValues<CredentialKind>(),
        kind => [new("kind", MetricLabels.Of(kind))]);

    /// <summary>The user whom this token names.</summary>
    public async ValueTask<Caller> UserAsync(IPAddress? from, string? token, CancellationToken cancellationToken)
    {
        if (_environment.IsLocal)
        {
            return new Caller($"localdev_host_service_user_{host.InstanceName}");
        }

        if (string.IsNullOrEmpty(token))
        {
            return Caller.Nobody;
        }

        if (limiter.BlockedFor(from, CredentialKind.User) is { } wait)
        {
            return new Caller(null, wait);
        }

        var answer = await tokens.VerifyAsync(token, cancellationToken);
        return answer.Token switch
        {
            { Subject: { } user } => new Caller(user),
            { } => Refuse(from, CredentialKind.User, "its sub is not a user id"),
            null => Refuse(from, CredentialKind.User, answer.Refusal!),
        };
    }

    /// <summary>The backend, if its credential is valid; or, if no credential is required, if the call comes from loopback.</summary>
    public async ValueTask<Caller> BackendCallAsync(ConnectionInfo connection, string? credential, CancellationToken cancellationToken)
    {
        var from = connection.RemoteIpAddress;
        if (_checksBackend)
        {
            return await BackendAsync(from, credential, cancellationToken);
        }

        if (connection.IsLoopback())
        {
            return Caller.Backend;
        }

        const string Reason = "without Auth:SharedSecret or Auth:Issuer, backend calls are taken from loopback only";
        return limiter.BlockedFor(from, CredentialKind.Backend) is { } wait
            ? new Caller(null, wait)
            : Refuse(from, CredentialKind.Backend, Reason);
    }

    /// <summary>The backend, if this is its credential: the shared secret, or a token whose scope holds <c>backend</c>.</summary>
    public async ValueTask<Caller> BackendAsync(IPAddress? from, string? credential, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(credential))
        {
            return Caller.Nobody;
        }

        if (limiter.BlockedFor(from, CredentialKind.Backend) is { } wait)
        {
            return new Caller(null, wait);
        }
        // Hashes all have one length, so the time does not reveal the secret's length.
        if (_secretHash is not null && CryptographicOperations.FixedTimeEquals(_secretHash, Hash(credential)))
        {
            return Caller.Backend;
        }

        var answer = await tokens.VerifyAsync(credential, cancellationToken);
        if (answer.Token is not { } token)
        {
            return Refuse(from, CredentialKind.Backend, answer.Refusal!);
        }

        return token.Scopes.Contains(BackendScope) ? Caller.Backend : Refuse(
            from, CredentialKind.Backend, "its scope does not hold 'backend'");
    }

    private Caller Refuse(IPAddress? from, CredentialKind kind, string reason)
    {
        _failures.Add(kind);
        var isLimited = limiter.Failed(from, kind);
        if (_lines.TryTake(out var leftOut))
        {
            if (leftOut > 0)
            {
                LeftOut(logger, leftOut);
            }

            Refused(logger, kind, from, reason);
            if (isLimited)
            {
                Limited(logger, kind, from);
            }
        }

        return Caller.Nobody;
    }

    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));

    [LoggerMessage(
        LogLevel.Warning, "Refused a {Kind} credential from {Address}: {Reason}", EventName = LogEvents.UserData + nameof(Refused))]
    private static partial void Refused(ILogger logger, CredentialKind kind, IPAddress? address, string reason);

    [LoggerMessage(LogLevel.Warning, "{Count} refused credentials before this one were not logged")]
    private static partial void LeftOut(ILogger logger, long count);

    [LoggerMessage(
        LogLevel.Warning,
        "Too many refused {Kind} credentials from {Address}; further ones are refused unchecked for up to a minute",
        EventName = LogEvents.UserData + nameof(Limited))]
    private static partial void Limited(ILogger logger, CredentialKind kind, IPAddress? address);
}
