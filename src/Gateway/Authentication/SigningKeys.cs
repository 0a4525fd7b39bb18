using System.Collections.Frozen;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace HostService.Gateway.Authentication;

/// <summary>
/// The issuer's public keys. Fetched when first needed, again hourly, and on a key id that is not among them; that last at most once a minute, whoever
/// asks and however often. While the issuer is away the old keys stay.
/// </summary>
internal sealed partial class SigningKeys(
    IHttpClientFactory clients, IOptions<AuthOptions> options, GatewayEnvironment environment, TimeProvider clock, ILogger<SigningKeys> logger)
{
    public const string ClientName = "HostService.Gateway.SigningKeys";
    public const int LargestAnswer = 1 << 20;
    private const int SmallestKeyBits = 2048;
    private static readonly TimeSpan RefreshEvery = TimeSpan.FromHours(1);
    private static readonly TimeSpan BetweenTries = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Uri _url = options.Value.KeysUrl(environment.Value);
    private KeySet? _keys;
    private DateTimeOffset _notBefore;
    private Task _refresh = Task.CompletedTask;

    /// <summary>The key of this id, or null when the issuer has none such (or cannot be asked).</summary>
    public async ValueTask<SecurityKey?> FindAsync(string keyId, CancellationToken cancellationToken)
    {
        await RefreshFor(keyId).WaitAsync(cancellationToken);
        return Volatile.Read(ref _keys)?.Find(keyId);
    }

    /// <summary>The fetch to wait for before answering; complete where none is due or under way.</summary>
    private Task RefreshFor(string keyId)
    {
        lock (_gate)
        {
            var now = clock.GetUtcNow();
            if (_keys is { } keys && keys.Find(keyId) is not null && now - keys.FetchedAt < RefreshEvery)
                return Task.CompletedTask;
            if (!_refresh.IsCompleted)
                return _refresh;
            if (now < _notBefore)
                return Task.CompletedTask;
            _notBefore = now + BetweenTries;
            // Not tied to the request that happens to trigger it: others wait for the same fetch.
            return _refresh = Task.Run(RefreshAsync, CancellationToken.None);
        }
    }

    private async Task RefreshAsync()
    {
        var known = Volatile.Read(ref _keys);
        try
        {
            using var deadline = new CancellationTokenSource(options.Value.KeyTimeout, clock);
            using var client = clients.CreateClient(ClientName);
            var keys = KeySet.Parse(await client.GetStringAsync(_url, deadline.Token), clock.GetUtcNow());
            lock (_gate)
            {
                _keys = keys;
                // The first load is not a refresh: a key that is rotated in right after it may still be looked up.
                if (known is null)
                    _notBefore = default;
            }

            Fetched(logger, keys.Count, _url);
        }
        catch (Exception exception)
        {
            // Whatever came back or did not: the keys at hand stay, and the next try is a minute away.
            FetchFailed(logger, exception, _url, known?.Count ?? 0);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Took {Count} signing keys from {Url}")]
    private static partial void Fetched(ILogger logger, int count, Uri url);

    [LoggerMessage(Level = LogLevel.Error, Message = "Could not take signing keys from {Url}; the {Count} known ones stay")]
    private static partial void FetchFailed(ILogger logger, Exception exception, Uri url, int count);

    private sealed record KeySet(FrozenDictionary<string, SecurityKey> Keys, DateTimeOffset FetchedAt)
    {
        public int Count => Keys.Count;

        public SecurityKey? Find(string keyId) => Keys.GetValueOrDefault(keyId);

        public static KeySet Parse(string json, DateTimeOffset now)
        {
            var keys = new Dictionary<string, SecurityKey>(StringComparer.Ordinal);
            foreach (var key in new JsonWebKeySet(json).Keys.Where(IsForSigning))
            {
                var rsa = new RsaSecurityKey(new RSAParameters { Modulus = Base64UrlEncoder.DecodeBytes(key.N), Exponent = Base64UrlEncoder.DecodeBytes(key.E) }) { KeyId = key.Kid };
                if (rsa.KeySize >= SmallestKeyBits)
                    keys[key.Kid] = rsa;
            }

            return keys.Count > 0
                ? new KeySet(keys.ToFrozenDictionary(StringComparer.Ordinal), now)
                : throw new InvalidDataException($"There is no RSA signing key of at least {SmallestKeyBits} bits in the answer.");
        }

        private static bool IsForSigning(JsonWebKey key) =>
            key.Kty == JsonWebAlgorithmsKeyTypes.RSA && key.Use is null or "" or JsonWebKeyUseNames.Sig && key.Alg is null or "" or SecurityAlgorithms.RsaSha256
            && !string.IsNullOrEmpty(key.Kid) && !string.IsNullOrEmpty(key.N) && !string.IsNullOrEmpty(key.E);
    }
}
