namespace HostService.Infrastructure.Storage.UserConfigs;

/// <summary>Section <c>UserConfigs</c>: the store of users' app settings, and its limits (B22).</summary>
public sealed class UserConfigsOptions : IValidatedOptions
{
    public const string Section = "UserConfigs";

    /// <summary>Null: on in deployed environments, and in a local one where <see cref="ServiceUrl"/> is set.</summary>
    public bool? Enabled { get; set; }

    public string Bucket { get; set; } = "fractal-user-app-configs";

    /// <summary>An S3-compatible server, addressed path-style. Null: AWS.</summary>
    public string? ServiceUrl { get; set; }

    /// <summary>
    /// Null: found by the AWS SDK (environment, profile, instance metadata); <c>us-east-1</c> for a <see cref="ServiceUrl"/>.
    /// </summary>
    public string? Region { get; set; }

    /// <summary>
    /// With <see cref="SecretKey"/>, for servers outside AWS. Null: the AWS SDK's chain, which on EC2 ends at the instance's role.
    /// </summary>
    public string? AccessKey { get; set; }

    public string? SecretKey { get; set; }

    /// <summary>
    /// Whether the store supports <c>If-None-Match</c> when an upload is completed. Then settings whose object is missing or forbidden
    /// (403) are saved if nothing is stored. Null: AWS does, a <see cref="ServiceUrl"/> does not.
    /// </summary>
    public bool? ConditionalWrites { get; set; }

    /// <summary>
    /// An archive that unpacks to more is refused, and a larger directory is not saved: nothing is stored that could not be fetched again.
    /// </summary>
    public long MaxUnpackedBytes { get; set; } = 4L << 30;

    /// <summary>Files, directories and links together.</summary>
    public int MaxEntries { get; set; } = 200_000;

    /// <summary>
    /// For a whole fetch. A mandelbox starts without its settings after it; so it must be shorter than <c>Mandelbox:StepTimeout</c>.
    /// </summary>
    public TimeSpan FetchTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// For a whole save, retries included. It must be shorter than <c>Mandelbox:CleanUpTimeout</c>: the directory stays until the save has
    /// ended.
    /// </summary>
    public TimeSpan SaveTimeout { get; set; } = TimeSpan.FromSeconds(100);

    /// <summary>For discarding the parts of a save that failed, in addition.</summary>
    public static TimeSpan AbortTimeout { get; } = TimeSpan.FromSeconds(10);

    /// <summary>For one request to the store: a part of 5 MiB, or the wait for an answer's first byte.</summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(30);

    public IEnumerable<string> Validate() => ValidatedOptions.Faults(
        (!string.IsNullOrWhiteSpace(Bucket), "UserConfigs:Bucket is empty; it must name the S3 bucket of users' configs"),
        (ServiceUrl is null || (Uri.TryCreate(ServiceUrl, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"),
            $"UserConfigs:ServiceUrl is '{ServiceUrl}'; it must be an http:// or https:// address, or left out for AWS"),
        (string.IsNullOrEmpty(AccessKey) == string.IsNullOrEmpty(SecretKey),
            "UserConfigs:AccessKey, UserConfigs:SecretKey: set both, or none for the AWS SDK's own credentials"),
        (MaxUnpackedBytes is > 0 and <= 40L << 30,
            $"UserConfigs:MaxUnpackedBytes is {MaxUnpackedBytes}; it must be 1 to 40 GiB (42949672960), the size of an upload"),
        (MaxEntries > 0, $"UserConfigs:MaxEntries is {MaxEntries}; it must be more than 0"),
        ValidatedOptions.Positive("UserConfigs:FetchTimeout", FetchTimeout),
        ValidatedOptions.Positive("UserConfigs:SaveTimeout", SaveTimeout),
        ValidatedOptions.Positive("UserConfigs:RequestTimeout", RequestTimeout));
}
