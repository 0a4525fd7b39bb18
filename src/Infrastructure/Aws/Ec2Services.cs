using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace HostService.Infrastructure.Aws;

public static class Ec2Services
{
    /// <summary><see cref="IInstanceMetadata"/> from EC2. Whether to ask it at all is decided by the environment and <see cref="Ec2Options.UseMetadata"/>.</summary>
    public static IServiceCollection AddEc2InstanceMetadata(this IServiceCollection services)
    {
        services.AddOptions<Ec2Options>()
            .BindConfiguration("Ec2")
            .Validate(o => IsHttp(o.MetadataEndpoint), "Ec2:MetadataEndpoint must be an http:// or https:// address")
            .Validate(o => o.ApiEndpoint.Length == 0 || IsHttp(o.ApiEndpoint), "Ec2:ApiEndpoint must be empty or an http:// or https:// address")
            .Validate(o => o.Tries is >= 1 and <= 10, "Ec2:Tries must be 1 to 10")
            .Validate(o => o.Timeout > TimeSpan.Zero && o.ApiTimeout > TimeSpan.Zero && o.Pause >= TimeSpan.Zero, "Ec2:Timeout and Ec2:ApiTimeout must be above zero, Ec2:Pause not below")
            .Validate(o => o.TokenLifetime.TotalSeconds is >= 1 and <= 21600, "Ec2:TokenLifetime must be 1 s to 6 h")
            .ValidateOnStart();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<IInstanceMetadata, Ec2InstanceMetadata>();
        return services;
    }

    private static bool IsHttp(string address) => Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https";
}
