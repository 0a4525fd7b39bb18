using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Storage.UserConfigs;

/// <summary>Section <c>UserConfigs</c>: where users' app settings are kept, and how much of them is accepted (B22).</summary>
public sealed class UserConfigsOptions
{
    /// <summary>Null: on in deployed environments, and in a local one where <see cref="ServiceUrl"/> says whom to ask.</summary>
    public bool? Enabled { get; set; }

    public string Bucket { get; set; } = "fractal-user-app-configs";

    /// <summary>An S3-compatible server, addressed path-style. Null: AWS.</summary>
    public string? ServiceUrl { get; set; }

    /// <summary>
    /// Null: as the AWS SDK finds it (environment, profile, instance metadata); <c>us-east-1</c> for a <see cref="ServiceUrl"/>.
    /// </summary>
    public string? Region { get; set; }

    /// <summary>
    /// With <see cref="SecretKey"/>, for servers outside AWS. Null: the AWS SDK's chain, which on EC2 ends at the instance's role.
    /// </summary>
    public string? AccessKey { get; set; }

    public string? SecretKey { get; set; }

    /// <summary>
    /// Whether the store heeds <c>If-None-Match</c> where an upload is completed. Where it does, a user whose object the store denies access
    /// to, as S3 does for one that is not there unless it may be listed, has what was set saved if nothing is stored. Null: AWS does, a
    /// <see cref="ServiceUrl"/> does not.
    /// </summary>
    public bool? ConditionalWrites { get; set; }

    /// <summary>
    /// An archive that unpacks to more is refused, and a directory that is larger is not saved: nothing is stored that could not be fetched
    /// again.
    /// </summary>
    public long MaxUnpackedBytes { get; set; } = 4L << 30;

    /// <summary>Files, directories and links together.</summary>
    public int MaxEntries { get; set; } = 200_000;

    /// <summary>
    /// All of a fetch. A mandelbox's start waits for it, and goes on without it; so it must be shorter than <c>Mandelbox:StepTimeout</c>.
    /// </summary>
    public TimeSpan FetchTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// All of a save, its further tries included. The store's own verdict has to come before <c>Mandelbox:CleanUpTimeout</c>, for until it
    /// has come the directory stays.
    /// </summary>
    public TimeSpan SaveTimeout { get; set; } = TimeSpan.FromSeconds(100);

    /// <summary>What throwing away the parts of a save that failed may take after it.</summary>
    public static TimeSpan AbortTimeout { get; } = TimeSpan.FromSeconds(10);

    /// <summary>One request to the store: a part of 5 MiB, or the wait for an answer's first byte.</summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Names every fault of a configuration, each with its key.</summary>
    internal sealed class Validator : IValidateOptions<UserConfigsOptions>
    {
        public ValidateOptionsResult Validate(string? name, UserConfigsOptions options)
        {
            var faults = new List<string>();
            Require(!string.IsNullOrWhiteSpace(options.Bucket), "Bucket: name the S3 bucket of users' configs");
            Require(
                options.ServiceUrl is null || (Uri.TryCreate(options.ServiceUrl, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"),
                "ServiceUrl: write an http:// or https:// address, or leave it out for AWS");
            Require(
                string.IsNullOrEmpty(options.AccessKey) == string.IsNullOrEmpty(options.SecretKey),
                "AccessKey, SecretKey: set both, or none for the AWS SDK's own credentials");
            Require(
                options.MaxUnpackedBytes is > 0 and <= 40L << 30,
                "MaxUnpackedBytes: from 1 to 40 GiB (42949672960), which is what 10 000 parts of an upload hold");
            Require(options.MaxEntries > 0, "MaxEntries: must be above 0");
            Require(options.FetchTimeout > TimeSpan.Zero, "FetchTimeout: must be above 0");
            Require(options.SaveTimeout > TimeSpan.Zero, "SaveTimeout: must be above 0");
            Require(options.RequestTimeout > TimeSpan.Zero, "RequestTimeout: must be above 0");
            return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);

            void Require(bool holds, string fault)
            {
                if (!holds)
                    faults.Add("UserConfigs:" + fault);
            }
        }
    }
}
