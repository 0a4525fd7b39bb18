using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace HostService.Gateway.Authentication;

/// <param name="Subject">The user id, or null when there is none or it may not be used in a path.</param>
/// <param name="Scopes">What its bearer may do.</param>
internal sealed record VerifiedToken(string? Subject, IReadOnlyCollection<string> Scopes);

/// <summary>A verified token, or the reason of its refusal. Exactly one of the two is set.</summary>
internal sealed record TokenAnswer(VerifiedToken? Token, string? Refusal)
{
    public static TokenAnswer Refused(string reason) => new(null, reason);
}

/// <summary>Checks a token in full: RS256 by a key of the issuer's, <c>exp</c>, <c>nbf</c>, <c>iss</c>, <c>aud</c>.</summary>
internal sealed class TokenVerifier(
    SigningKeys keys, IOptions<AuthOptions> options, RunningEnvironment environment, TimeProvider timeProvider)
{
    private const int LongestToken = 16 * 1024;

    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false, MaximumTokenSizeInBytes = LongestToken };
    private readonly string _issuer = options.Value.IssuerFor(environment.Value);
    private readonly string _audience = options.Value.Audience;
    private readonly TimeSpan _skew = options.Value.ClockSkew;

    public async ValueTask<TokenAnswer> VerifyAsync(string text, CancellationToken cancellationToken)
    {
        if (text.Length > LongestToken)
        {
            return TokenAnswer.Refused($"it is longer than {LongestToken} characters");
        }

        try
        {
            var token = _handler.ReadJsonWebToken(text);
            // Checks without a key come first, so that a stranger's token causes no request to the issuer.
            if (FaultBeforeKey(token) is { } fault)
            {
                return TokenAnswer.Refused(fault);
            }

            if (await keys.FindAsync(token.Kid, cancellationToken) is not { } key)
            {
                return TokenAnswer.Refused("the issuer has no key with its key id");
            }

            var result = await _handler.ValidateTokenAsync(token, Parameters(key));
            return result.IsValid
                ? new TokenAnswer(Read(token), null)
                : TokenAnswer.Refused(FaultBeforeKey(token) ?? "the issuer's key did not sign it");
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // The text is a stranger's: any failure to parse it means that it is no token.
            return TokenAnswer.Refused("it is not a JSON web token");
        }
    }

    private string? FaultBeforeKey(JsonWebToken token)
    {
        if (token.Alg != SecurityAlgorithms.RsaSha256 || token.IsEncrypted)
        {
            return "its algorithm is not RS256";
        }

        if (string.IsNullOrEmpty(token.Kid))
        {
            return "it names no key id";
        }

        if (token.TryGetHeaderValue<object>("crit", out _))
        {
            return "it requires an extension (crit)";
        }

        if (token.Issuer != _issuer)
        {
            return $"its issuer is not {_issuer}";
        }

        if (!token.Audiences.Contains(_audience, StringComparer.Ordinal))
        {
            return $"its audience is not {_audience}";
        }

        return FaultOfLifetime(token);
    }

    private string? FaultOfLifetime(JsonWebToken token)
    {
        var now = timeProvider.GetUtcNow().UtcDateTime;
        if (!token.TryGetPayloadValue<long>(JwtRegisteredClaimNames.Exp, out _) || now >= token.ValidTo + _skew)
        {
            return "it has expired";
        }

        return token.TryGetPayloadValue<object>(JwtRegisteredClaimNames.Nbf, out _) && now < token.ValidFrom - _skew
            ? "it is not yet valid"
            : null;
    }

    private TokenValidationParameters Parameters(SecurityKey key) => new()
    {
        ValidAlgorithms = [SecurityAlgorithms.RsaSha256],
        IssuerSigningKey = key,
        TryAllIssuerSigningKeys = false,
        RequireSignedTokens = true,
        ValidIssuer = _issuer,
        ValidAudience = _audience,
        IgnoreTrailingSlashWhenValidatingAudience = false,
        // The library does not read our time provider.
        RequireExpirationTime = true,
        LifetimeValidator = (_, _, token, _) => token is JsonWebToken jwt && FaultOfLifetime(jwt) is null,
    };

    /// <summary>Reads the payload itself: the library turns a number into a string, and a number is not a user id.</summary>
    private static VerifiedToken Read(JsonWebToken token)
    {
        using var payload = JsonDocument.Parse(
            Base64UrlEncoder.DecodeBytes(token.EncodedPayload), new JsonDocumentOptions { AllowDuplicateProperties = false });
        var subject = TextOf(payload, "sub");
        var scopes = TextOf(payload, "scope")?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        return new VerifiedToken(Names.IsUserId(subject) ? subject : null, scopes);
    }

    private static string? TextOf(JsonDocument payload, string claim) =>
        payload.RootElement.TryGetProperty(claim, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
