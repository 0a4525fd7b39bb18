namespace HostService.Infrastructure.Aws;

/// <summary>Section <c>Ec2</c>: where this machine learns who it is.</summary>
public sealed class Ec2Options
{
    /// <summary>EC2's instance metadata service, without <c>/latest</c>.</summary>
    public string MetadataEndpoint { get; set; } = "http://169.254.169.254";

    /// <summary>Ask it in a local environment too; deployed environments always do (B1).</summary>
    public bool UseMetadata { get; set; }

    /// <summary>The EC2 API, for the <c>Name</c> tag where metadata tags are off; the region's own when empty.</summary>
    public string ApiEndpoint { get; set; } = "";

    /// <summary>For one request to the metadata service (B34).</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>For one request to the EC2 API, which is not on this machine's link.</summary>
    public TimeSpan ApiTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Tries a value, 1..10.</summary>
    public int Tries { get; set; } = 3;

    /// <summary>Between two tries.</summary>
    public TimeSpan Pause { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>How long a token is asked for; EC2 allows 1 s to 6 h.</summary>
    public TimeSpan TokenLifetime { get; set; } = TimeSpan.FromHours(6);
}
