namespace HostService.Infrastructure.Aws;

/// <summary>Section <c>Ec2</c>: the sources of this machine's identity, and EC2's notices.</summary>
public sealed class Ec2Options : IValidatedOptions
{
    public const string Section = "Ec2";

    /// <summary>EC2's instance metadata service, without <c>/latest</c>.</summary>
    public string MetadataEndpoint { get; set; } = "http://169.254.169.254";

    /// <summary>Read instance metadata in a local environment too; deployed environments always do (B1).</summary>
    public bool UseMetadata { get; set; }

    /// <summary>The EC2 API, for the <c>Name</c> tag where metadata tags are off; the region's own when empty.</summary>
    public string ApiEndpoint { get; set; } = "";

    /// <summary>For one request to the metadata service (B34).</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>For one request to the EC2 API, which is farther away than the metadata service.</summary>
    public TimeSpan ApiTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Tries for each value, 1..10.</summary>
    public int Tries { get; set; } = 3;

    /// <summary>Between two tries.</summary>
    public TimeSpan Pause { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Requested lifetime of a metadata token; EC2 allows 1 s to 6 h.</summary>
    public TimeSpan TokenLifetime { get; set; } = TimeSpan.FromHours(6);

    /// <summary>How often EC2's notices are read on a spot instance, and while events are scheduled (B32a). EC2 recommends 5 s.</summary>
    public TimeSpan NoticeInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How often any other instance looks for scheduled events.</summary>
    public TimeSpan EventInterval { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How long before the announced time a drain ends the mandelboxes that are left: what they need to end and to save user configs. EC2
    /// announces the end of a spot instance 2 minutes ahead.
    /// </summary>
    public TimeSpan NoticeMargin { get; set; } = TimeSpan.FromSeconds(90);

    public IEnumerable<string> Validate() => ValidatedOptions.Faults(
        (IsHttp(MetadataEndpoint), $"Ec2:MetadataEndpoint is '{MetadataEndpoint}'; it must be an http:// or https:// address"),
        (ApiEndpoint.Length == 0 || IsHttp(ApiEndpoint), $"Ec2:ApiEndpoint is '{ApiEndpoint}'; it must be empty or an http(s):// address"),
        ValidatedOptions.Positive("Ec2:Timeout", Timeout),
        ValidatedOptions.Positive("Ec2:ApiTimeout", ApiTimeout),
        (Tries is >= 1 and <= 10, $"Ec2:Tries is {Tries}; it must be 1 to 10"),
        (Pause >= TimeSpan.Zero, $"Ec2:Pause is {Pause}; it must be zero or more"),
        ValidatedOptions.Positive("Ec2:NoticeInterval", NoticeInterval),
        ValidatedOptions.Positive("Ec2:EventInterval", EventInterval),
        ValidatedOptions.Positive("Ec2:NoticeMargin", NoticeMargin),
        (TokenLifetime.TotalSeconds is >= 1 and <= 21600, $"Ec2:TokenLifetime is {TokenLifetime}; it must be 1 s to 6 h"));

    private static bool IsHttp(string address) => Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https";
}
