using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;

namespace HostService.Tests.Gateway.Fakes;

/// <summary>Signs tokens, and publishes its keys on a port of loopback. Counts how often it is asked, and can be away or slow.</summary>
public sealed class Issuer : IAsyncDisposable
{
    public const string Audience = "https://api.fractal.co";
    private const string UsualKey = "key-1";

    // Making a key is most of a test's time, so the usual one is made once.
    private static readonly RSA Usual = RSA.Create(2048);

    private readonly WebApplication _app;
    private readonly Dictionary<string, RSA> _keys = new(StringComparer.Ordinal);
    private int _requests;

    private Issuer(WebApplication app) => _app = app;

    /// <summary>As it stands in <c>iss</c>.</summary>
    public string Url => _app.Urls.Single() + "/";

    public int Requests => Volatile.Read(ref _requests);

    /// <summary>What is answered in place of the keys.</summary>
    public Func<HttpContext, Task>? Instead { get; set; }

    public static async Task<Issuer> StartAsync(params string[] keyIds)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var issuer = new Issuer(app);
        foreach (var keyId in keyIds.DefaultIfEmpty(UsualKey))
        {
            issuer.AddKey(keyId);
        }

        app.MapGet("/.well-known/jwks.json", async context =>
        {
            Interlocked.Increment(ref issuer._requests);
            await (issuer.Instead?.Invoke(context) ?? context.Response.WriteAsync(issuer.KeySet()));
        });
        await app.StartAsync();
        return issuer;
    }

    public void AddKey(string keyId, int bits = 2048) => _keys[keyId] = keyId == UsualKey ? Usual : RSA.Create(bits);

    public void RemoveKey(string keyId) => _keys.Remove(keyId);

    public RSA Key(string keyId = UsualKey) => _keys[keyId];

    public string KeySet() => JsonSerializer.Serialize(new
    {
        keys = _keys.Select(k => new
        {
            kty = "RSA",
            use = "sig",
            alg = "RS256",
            kid = k.Key,
            n = Base64UrlEncoder.Encode(k.Value.ExportParameters(false).Modulus),
            e = Base64UrlEncoder.Encode(k.Value.ExportParameters(false).Exponent),
        }),
    });

    /// <summary>What a good token of this issuer's says, valid for an hour from <paramref name="now"/>.</summary>
    public Dictionary<string, object?> Claims(DateTimeOffset now, string? scope = null) => new(StringComparer.Ordinal)
    {
        ["iss"] = Url,
        ["aud"] = Audience,
        ["sub"] = "auth0|5f7c8ec7c33c6c004bbafe82",
        ["exp"] = now.AddHours(1).ToUnixTimeSeconds(),
        ["iat"] = now.ToUnixTimeSeconds(),
        ["scope"] = scope,
    };

    public string Sign(Dictionary<string, object?> claims, string keyId = UsualKey, RSA? key = null, string alg = "RS256", Dictionary<string, object?>? header = null)
    {
        var signed = Encode(header ?? new(StringComparer.Ordinal) { ["alg"] = alg, ["typ"] = "JWT", ["kid"] = keyId }) + "." + Encode(
            claims);
        var bytes = Encoding.ASCII.GetBytes(signed);
        var signature = alg switch
        {
            "RS256" => (key ?? _keys[keyId]).SignData(bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
            "RS512" => (key ?? _keys[keyId]).SignData(bytes, HashAlgorithmName.SHA512, RSASignaturePadding.Pkcs1),
            "PS256" => (key ?? _keys[keyId]).SignData(bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pss),
            // The old trick: the public key, which everybody has, as the secret.
            "HS256" => HMACSHA256.HashData(Encoding.ASCII.GetBytes((key ?? _keys[keyId]).ExportSubjectPublicKeyInfoPem()), bytes),
            _ => [],
        };
        return signed + "." + Base64UrlEncoder.Encode(signature);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        foreach (var key in _keys.Values.Where(k => k != Usual))
        {
            key.Dispose();
        }
    }

    private static string Encode(Dictionary<string, object?> part) => Base64UrlEncoder.Encode(
        JsonSerializer.SerializeToUtf8Bytes(part.Where(p => p.Value is not null).ToDictionary(StringComparer.Ordinal)));
}
