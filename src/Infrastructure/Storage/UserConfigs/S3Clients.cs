using Amazon;
using Amazon.Runtime;
using Amazon.S3;

namespace HostService.Infrastructure.Storage.UserConfigs;

internal static class S3Clients
{
    public static AmazonS3Client Create(UserConfigsOptions options, int tries)
    {
        var config = new AmazonS3Config
        {
            RetryMode = RequestRetryMode.Standard,
            MaxErrorRetry = tries - 1,
            MaxStaleConnectionRetries = 0,
            Timeout = options.RequestTimeout,

            // Content-MD5 and ETags check the same, and servers other than AWS do not know the newer checksums.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
        };
        if (options.ServiceUrl is { } url)
        {
            config.ServiceURL = url;
            config.ForcePathStyle = true;
            config.AuthenticationRegion = options.Region ?? "us-east-1";
        }
        else if (options.Region is { } region)
        {
            config.RegionEndpoint = RegionEndpoint.GetBySystemName(region);
        }

        return string.IsNullOrEmpty(options.AccessKey)
            ? new AmazonS3Client(config)
            : new AmazonS3Client(new BasicAWSCredentials(options.AccessKey, options.SecretKey), config);
    }
}
