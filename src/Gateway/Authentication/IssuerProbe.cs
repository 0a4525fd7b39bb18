using Microsoft.IdentityModel.Tokens;

namespace HostService.Gateway.Authentication;

/// <summary>Asks the issuer of tokens for its keys, apart from the keys in use.</summary>
public sealed class IssuerProbe(IHttpClientFactory clients, IOptions<AuthOptions> options, RunningEnvironment environment)
{
    /// <summary>Whether tokens of an issuer are verified here.</summary>
    public bool IsUsed => environment.Value.IsDeployed || options.Value.Issuer.Length > 0;

    /// <summary>Where the keys are.</summary>
    public Uri Url { get; } = options.Value.KeysUrl(environment.Value);

    /// <summary>How many keys it publishes, and its clock where it sends that.</summary>
    /// <exception cref="HttpRequestException">It does not answer, or with an error.</exception>
    /// <exception cref="ArgumentException">The answer is no set of keys.</exception>
    public async Task<(int Keys, DateTimeOffset? Clock)> AskAsync(CancellationToken cancellationToken)
    {
        using var client = clients.CreateClient(SigningKeys.ClientName);
        using var response = await client.GetAsync(Url, cancellationToken);
        response.EnsureSuccessStatusCode();
        var keys = new JsonWebKeySet(await response.Content.ReadAsStringAsync(cancellationToken)).Keys.Count;
        return (keys, response.Headers.Date);
    }
}
