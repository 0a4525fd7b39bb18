using Microsoft.Extensions.DependencyInjection;

namespace HostService.Infrastructure.Aws;

public static class Ec2Services
{
    /// <summary><see cref="IInstanceMetadata"/> from EC2, and <see cref="Ec2Notices"/>. Section <c>Ec2</c>.</summary>
    public static IServiceCollection AddEc2InstanceMetadata(this IServiceCollection services)
    {
        services.AddValidatedOptions<Ec2Options>(Ec2Options.Section);
        services.AddSingleton<IInstanceMetadata, Ec2InstanceMetadata>();
        services.AddSingleton<Ec2Notices>();
        return services;
    }
}
