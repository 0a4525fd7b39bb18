using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using System.Xml;
using System.Xml.Linq;
using Amazon;
using Amazon.Runtime.Internal.Auth;

namespace HostService.Infrastructure.Aws;

/// <summary>The one call of the EC2 API that the service makes, <c>DescribeTags</c>, signed with AWSSDK.Core as the instance's role.</summary>
internal sealed class Ec2Api(HttpMessageInvoker http, Ec2Options options, TimeProvider timeProvider, MetadataClient metadata)
{
    /// <summary>The <c>Name</c> tag, or null when the instance has none.</summary>
    /// <exception cref="InstanceMetadataException">No role, no permission, or no answer.</exception>
    public async Task<string?> NameTagAsync(string instanceId, string region, CancellationToken cancellationToken)
    {
        var role = await RoleAsync(cancellationToken);
        var endpoint = new Uri(options.ApiEndpoint.Length > 0 ? options.ApiEndpoint : $"https://ec2.{region}.{RegionEndpoint.GetBySystemName(region).PartitionDnsSuffix}");
        var tries = new Tries(options.Tries, options.Pause, timeProvider);
        while (true)
        {
            try
            {
                var (status, text) = await http.AskAsync(DescribeName(endpoint, instanceId, region, role), options.ApiTimeout, timeProvider, cancellationToken);
                if (status == HttpStatusCode.OK)
                    return ReadName(text);
                if ((int)status < 500)
                    throw new InstanceMetadataException($"the EC2 API refused DescribeTags for {instanceId}: HTTP {(int)status} {ReadError(text)}; the instance's role needs ec2:DescribeTags, or turn metadata tags on");
                throw new AttemptFailedException($"HTTP {(int)status} {ReadError(text)}");
            }
            catch (AttemptFailedException e)
            {
                if (!await tries.AgainAsync(cancellationToken))
                    throw new InstanceMetadataException($"the Name tag of {instanceId} could not be read from {endpoint}: {e.Message} ({tries.Made} tries)", e);
            }
        }
    }

    private async Task<RoleCredentials> RoleAsync(CancellationToken cancellationToken)
    {
        const string path = "iam/security-credentials/";
        var role = (await metadata.GetAsync(path, cancellationToken))?.Split('\n')[0].Trim();
        if (string.IsNullOrEmpty(role))
            throw new InstanceMetadataException("the Name tag could not be read: metadata tags are off, and the instance has no role to ask the EC2 API with");
        var json = await metadata.GetAsync(path + role, cancellationToken) ?? "";
        try
        {
            return JsonSerializer.Deserialize<RoleCredentials>(json) is { AccessKeyId.Length: > 0, SecretAccessKey.Length: > 0, Token.Length: > 0 } credentials
                ? credentials
                : throw new InstanceMetadataException($"the credentials of role {role} are incomplete");
        }
        catch (JsonException e)
        {
            // The text itself holds a secret and stays out of the message.
            throw new InstanceMetadataException($"the credentials of role {role} cannot be read", e);
        }
    }

    private HttpRequestMessage DescribeName(Uri endpoint, string instanceId, string region, RoleCredentials role)
    {
        // Sorted by byte, as the signature wants them.
        var query = string.Join('&',
            "Action=DescribeTags",
            "Filter.1.Name=resource-id",
            "Filter.1.Value.1=" + Uri.EscapeDataString(instanceId),
            "Filter.2.Name=key",
            "Filter.2.Value.1=Name",
            "Version=2016-11-15");
        var signedAt = timeProvider.GetUtcNow().UtcDateTime;
        var date = signedAt.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        var emptyBody = Convert.ToHexStringLower(SHA256.HashData([]));
        const string signedHeaders = "host;x-amz-date;x-amz-security-token";
        var canonical = $"GET\n/\n{query}\nhost:{endpoint.Authority}\nx-amz-date:{date}\nx-amz-security-token:{role.Token}\n\n{signedHeaders}\n{emptyBody}";
        var signature = AWS4Signer.ComputeSignature(role.AccessKeyId, role.SecretAccessKey, region, signedAt, "ec2", signedHeaders, canonical);

        var request = new HttpRequestMessage(HttpMethod.Get, new UriBuilder(endpoint) { Path = "/", Query = query }.Uri);
        request.Headers.TryAddWithoutValidation("X-Amz-Date", date);
        request.Headers.TryAddWithoutValidation("X-Amz-Security-Token", role.Token);
        request.Headers.TryAddWithoutValidation("Authorization", signature.ForAuthorizationHeader);
        return request;
    }

    private static string? ReadName(string xml)
    {
        try
        {
            return XDocument.Parse(xml).Descendants().FirstOrDefault(e => e.Name.LocalName == "item")
                ?.Elements().FirstOrDefault(e => e.Name.LocalName == "value")?.Value;
        }
        catch (XmlException e)
        {
            throw new AttemptFailedException("the answer is not whole XML", e);
        }
    }

    private static string ReadError(string xml)
    {
        try
        {
            var exception = XDocument.Parse(xml).Descendants("Error").FirstOrDefault();
            return exception is null ? "" : $"{exception.Element("Code")?.Value}: {exception.Element("Message")?.Value}";
        }
        catch (XmlException)
        {
            return ""; // The status says enough.
        }
    }

    /// <summary>As the metadata service spells them.</summary>
    private sealed record RoleCredentials(string AccessKeyId, string SecretAccessKey, string Token);
}
