using HostService.Infrastructure.Storage.UserConfigs;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Storage.UserConfigs;

internal static class Stores
{
    public const string Token = "a-token-of-the-user";

    /// <summary>With the only credentials that s3rver knows.</summary>
    public static S3UserConfigStore Create(UserConfigsOptions options, TimeProvider? clock = null)
    {
        options.AccessKey = "S3RVER";
        options.SecretKey = "S3RVER";
        return new S3UserConfigStore(Options.Create(options), clock ?? TimeProvider.System, NullLogger<S3UserConfigStore>.Instance);
    }
}
