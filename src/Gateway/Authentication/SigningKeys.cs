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
    IHttpClientFactory clients, IOptions<AuthOptions> options, GatewayEnvironment environment, TimeProvider timeProvider, ILogger<SigningKeys> logger)
{
    public const string ClientName = "HostService.Gateway.SigningKeys";
    public const int LargestAnswer = 1 << 20;
    private const int SmallestKeyBits = 2048;
    private static readonly TimeSpan RefreshEvery = TimeSpan.FromHours(1);
    private static readonly TimeSpan BetweenTries = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Uri _url = options.Value.KeysUrl(environment.Value);
    private KeySet? _keys;

    /// <summary>When the issuer was last asked, on the clock that nobody sets; null when it may be asked at once.</summary>
    private long? _askedAt;
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
            if (_keys is { } keys && keys.Find(keyId) is not null && timeProvider.GetElapsedTime(keys.FetchedAt) < RefreshEvery)
            {
                return Task.CompletedTask;
            }

            if (!_refresh.IsCompleted)
            {
                return _refresh;
            }

            if (_askedAt is { } askedAt && timeProvider.GetElapsedTime(askedAt) < BetweenTries)
            {
                return Task.CompletedTask;
            }

            _askedAt = timeProvider.GetTimestamp();
            // Not tied to the request that happens to trigger it: others wait for the same fetch.
            return _refresh = Task.Run(RefreshAsync, CancellationToken.None);
        }
    }

    private async Task RefreshAsync()
    {
        var known = Volatile.Read(ref _keys);
        try
        {
            using var deadline = new CancellationTokenSource(options.Value.KeyTimeout, timeProvider);
            using var client = clients.CreateClient(ClientName);
            var keys = KeySet.Parse(await client.GetStringAsync(_url, deadline.Token), timeProvider.GetTimestamp(), out var unreadable);
            lock (_gate)
            {
                _keys = keys;
                // The first load is not a refresh: a key that is rotated in right after it may still be looked up.
                if (known is null)
                {
                    _askedAt = null;
                }
            }

            Fetched(logger, keys.Count, _url);
            if (unreadable > 0)
            {
                Unreadable(logger, unreadable, _url);
            }
        }
        catch (Exception exception)
        {
            // Whatever came back or did not: the keys at hand stay, and the next try is a minute away.
            FetchFailed(logger, exception, _url, known?.Count ?? 0);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Took {Count} signing keys from {Url}")]
    private static partial void Fetched(ILogger logger, int count, Uri url);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} RSA keys from {Url} cannot be read and are left out")]
    private static partial void Unreadable(ILogger logger, int count, Uri url);

    [LoggerMessage(Level = LogLevel.Error, Message = "Could not take signing keys from {Url}; the {Count} known ones stay")]
    private static partial void FetchFailed(ILogger logger, Exception exception, Uri url, int count);

    /// <param name="FetchedAt">A timestamp of the clock's.</param>
    private sealed record KeySet(FrozenDictionary<string, SecurityKey> Keys, long FetchedAt)
    {
        public int Count => Keys.Count;

        public SecurityKey? Find(string keyId) => Keys.GetValueOrDefault(keyId);

        public static KeySet Parse(string json, long now, out int unreadable)
        {
            unreadable = 0;
            var keys = new Dictionary<string, SecurityKey>(StringComparer.Ordinal);
            foreach (var key in new JsonWebKeySet(json).Keys.Where(IsForSigning))
            {
                try
                {
                    var rsa = new RsaSecurityKey(new RSAParameters { Modulus = Base64UrlEncoder.DecodeBytes(key.N), Exponent = Base64UrlEncoder.DecodeBytes(key.E) }) { KeyId = key.Kid };
                    if (rsa.KeySize >= SmallestKeyBits)
                    {
                        keys[key.Kid] = rsa;
                    }
                }
                catch (Exception error) when (error is FormatException or ArgumentException)
                {
                    // One key that the issuer has got wrong must not cost the others.
                    unreadable++;
                }
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
