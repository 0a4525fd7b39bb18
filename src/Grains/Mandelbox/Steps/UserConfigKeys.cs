using HostService.Infrastructure.Storage.UserConfigs;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>The key of a user's app settings in the store (B22).</summary>
public static class UserConfigKeys
{
    public static UserConfigKey For(string userId, string appName, HostEnvironment environment) =>
        new(userId, environment.Name.ToLowerInvariant(), appName);
}
