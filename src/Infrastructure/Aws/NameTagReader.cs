using System.Text.Json;
using Amazon;
using Amazon.EC2;
using Amazon.EC2.Model;
using Amazon.Runtime;

namespace HostService.Infrastructure.Aws;

/// <summary>Reads an instance's <c>Name</c> tag from the EC2 API, with the credentials of the instance's role.</summary>
internal sealed class NameTagReader(Ec2Options options, TimeProvider timeProvider, MetadataClient metadata)
{
    /// <summary>Null when the instance has no such tag.</summary>
    /// <exception cref="InstanceMetadataException">No role, no permission, or no answer.</exception>
    public async Task<string?> ReadAsync(string instanceId, string region, CancellationToken cancellationToken)
    {
        using var client = Client(region, await CredentialsAsync(cancellationToken));
        var request = new DescribeTagsRequest { Filters = [new Filter("resource-id", [instanceId]), new Filter("key", ["Name"])] };
        try
        {
            var answer = await Attempts.Retry(options, timeProvider).ExecuteAsync(
                async token => await Attempts.WithinAsync(
                    options.ApiTimeout, timeProvider, limited => client.DescribeTagsAsync(request, limited), token),
                cancellationToken);
            return answer.Tags?.FirstOrDefault()?.Value;
        }
        catch (AmazonServiceException e) when (Attempts.IsRefusal(e))
        {
            throw new InstanceMetadataException(
                $"the EC2 API refused DescribeTags for {instanceId}: HTTP {(int)e.StatusCode} {e.ErrorCode}: {e.Message}; "
                + "give the instance's role ec2:DescribeTags, or turn metadata tags on",
                e);
        }
        catch (AttemptFailedException e)
        {
            throw new InstanceMetadataException(
                $"the Name tag of {instanceId} could not be read from the EC2 API: {e.Message} ({options.Tries} tries)", e);
        }
    }

    private AmazonEC2Client Client(string region, AWSCredentials credentials)
    {
        // Retries and time limits are ours: those of the SDK do not follow the service's clock.
        var config = new AmazonEC2Config { MaxErrorRetry = 0, AuthenticationRegion = region };
        if (options.ApiEndpoint.Length > 0)
        {
            config.ServiceURL = options.ApiEndpoint;
        }
        else
        {
            config.RegionEndpoint = RegionEndpoint.GetBySystemName(region);
        }

        return new AmazonEC2Client(credentials, config);
    }

    private async Task<SessionAWSCredentials> CredentialsAsync(CancellationToken cancellationToken)
    {
        const string path = "iam/security-credentials/";
        var role = (await metadata.GetAsync(path, cancellationToken))?.Split('\n')[0].Trim();
        if (string.IsNullOrEmpty(role))
        {
            throw new InstanceMetadataException(
                "the Name tag could not be read: metadata tags are off, and the instance has no role for the EC2 API");
        }

        var json = await metadata.GetAsync(path + role, cancellationToken) ?? "";
        try
        {
            return JsonSerializer.Deserialize<RoleCredentials>(json)
                is { AccessKeyId.Length: > 0, SecretAccessKey.Length: > 0, Token.Length: > 0 } credentials
                ? new SessionAWSCredentials(credentials.AccessKeyId, credentials.SecretAccessKey, credentials.Token)
                : throw new InstanceMetadataException($"the credentials of role {role} are incomplete");
        }
        catch (JsonException e)
        {
            // Without the text, which holds a secret.
            throw new InstanceMetadataException($"the credentials of role {role} cannot be read", e);
        }
    }

    /// <summary>With the metadata service's names.</summary>
    private sealed record RoleCredentials(string AccessKeyId, string SecretAccessKey, string Token);
}
