using System.Collections.Frozen;
using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;

namespace HostService.Gateway.Authentication;

/// <summary>
/// The issuer's public keys. Fetched on first use, then hourly, and on an unknown key id, but at most once a minute. While the issuer is
/// unreachable the old keys stay.
/// </summary>
internal sealed partial class SigningKeys(
    IHttpClientFactory clients,
    IOptions<AuthOptions> options,
    RunningEnvironment environment,
    TimeProvider timeProvider,
    ILogger<SigningKeys> logger)
{
    public const string ClientName = "HostService.Gateway.SigningKeys";
    public const int LargestAnswer = 1 << 20;
    private const int SmallestKeyBits = 2048;
    private static readonly TimeSpan RefreshEvery = TimeSpan.FromHours(1);
    private static readonly TimeSpan BetweenTries = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Uri _url = options.Value.KeysUrl(environment.Value);
    private KeySet? _keys;

    /// <summary>Timestamp of the last request to the issuer; null when the next one need not wait.</summary>
    private long? _askedAt;
    private Task _refresh = Task.CompletedTask;

    /// <summary>The key of this id; null if the issuer has no such key or is unreachable.</summary>
    public async ValueTask<SecurityKey?> FindAsync(string keyId, CancellationToken cancellationToken)
    {
        await RefreshFor(keyId).WaitAsync(cancellationToken);
        return Volatile.Read(ref _keys)?.Find(keyId);
    }

    /// <summary>The fetch to wait for; complete when none is due or running.</summary>
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
            // Not cancelled with the request that triggers it: others wait for the same fetch.
            return _refresh = Task.Run(RefreshAsync, CancellationToken.None);
        }
    }

    private async Task RefreshAsync()
    {
        var known = Volatile.Read(ref _keys);
        try
        {
            using var timeout = new CancellationTokenSource(options.Value.KeyTimeout, timeProvider);
            using var client = clients.CreateClient(ClientName);
            var keys = KeySet.Parse(await client.GetStringAsync(_url, timeout.Token), timeProvider.GetTimestamp(), out var unreadable);
            lock (_gate)
            {
                _keys = keys;
                // The first load does not count: a key that is rotated in right after it must be found.
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
            // The known keys stay; the next try is in a minute.
            FetchFailed(logger, exception, _url, known?.Count ?? 0);
        }
    }

    [LoggerMessage(LogLevel.Information, "Took {Count} signing keys from {Url}")]
    private static partial void Fetched(ILogger logger, int count, Uri url);

    [LoggerMessage(LogLevel.Warning, "{Count} RSA keys from {Url} cannot be read and are left out")]
    private static partial void Unreadable(ILogger logger, int count, Uri url);

    [LoggerMessage(LogLevel.Error, "Could not take signing keys from {Url}; the {Count} known ones stay")]
    private static partial void FetchFailed(ILogger logger, Exception exception, Uri url, int count);

    /// <param name="FetchedAt">A timestamp of the time provider.</param>
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
                    var rsa = new RsaSecurityKey(new RSAParameters
                    {
                        Modulus = Base64UrlEncoder.DecodeBytes(key.N),
                        Exponent = Base64UrlEncoder.DecodeBytes(key.E),
                    })
                    {
                        KeyId = key.Kid,
                    };
                    if (rsa.KeySize >= SmallestKeyBits)
                    {
                        keys[key.Kid] = rsa;
                    }
                }
                catch (Exception exception) when (exception is FormatException or ArgumentException)
                {
                    // One bad key must not cost the others.
                    unreadable++;
                }
            }

            return keys.Count > 0
                ? new KeySet(keys.ToFrozenDictionary(StringComparer.Ordinal), now)
                : throw new InvalidDataException($"There is no RSA signing key of at least {SmallestKeyBits} bits in the answer.");
        }

        private static bool IsForSigning(JsonWebKey key) =>
            key.Kty == JsonWebAlgorithmsKeyTypes.RSA
            && key.Use is null or "" or JsonWebKeyUseNames.Sig
            && key.Alg is null or "" or SecurityAlgorithms.RsaSha256
            && !string.IsNullOrEmpty(key.Kid) && !string.IsNullOrEmpty(key.N) && !string.IsNullOrEmpty(key.E);
    }
}
