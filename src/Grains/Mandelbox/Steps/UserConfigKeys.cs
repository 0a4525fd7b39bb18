using HostService.Infrastructure.Storage.UserConfigs;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>The key of a user's app settings in the store (B22).</summary>
internal static class UserConfigKeys
{
    public static UserConfigKey For(SpinUpRequest request, HostEnvironment environment) =>
        new(request.UserId, environment.Name.ToLowerInvariant(), request.AppName);
}
