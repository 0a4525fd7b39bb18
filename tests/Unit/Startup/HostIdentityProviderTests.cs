using HostService.Gateway;
using HostService.GrainInterfaces;
using HostService.Grains;
using HostService.Infrastructure;
using HostService.Infrastructure.Aws;
using HostService.Infrastructure.Gpu;
using HostService.Silo.Hosting;
using HostService.Silo.Startup;
using HostService.Tests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Startup;

/// <summary>What a host without a GPU says of itself.</summary>
public sealed class HostIdentityProviderTests
{
    private static readonly HostIdentity Identity = new("name", "i-1", "g4dn.xlarge", "ami-1", "us-east-1", "203.0.113.7");

    private readonly HostInfoSource _facts = new();

    [Theory]
    [InlineData("the driver did not answer within 60 s")]
    [InlineData("NVIDIA's library is not installed (libnvidia-ml.so.1: cannot open)")]
    public void A_deployed_host_without_a_gpu_is_refused_with_the_reason_that_was_found(string why)
    {
        var refusal = Assert.Throws<StartRefusedException>(
            () => Host(HostEnvironment.Prod).Publish(Identity, GpuInventorySnapshot.Unread(why)));

        Assert.Equal(ExitCodes.Refused, refusal.ExitCode);
        Assert.StartsWith($"This host has no GPU that it can use: {why} (", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_local_host_does_without_one()
    {
        Host(HostEnvironment.LocalDev).Publish(Identity, GpuInventorySnapshot.Unread("the driver did not answer within 60 s"));

        Assert.Empty(_facts.Current.Gpus);
    }

    [Fact]
    public void A_deployed_host_whose_gpus_are_sick_starts_and_says_which()
    {
        var sick = new GpuDescription { Index = 0, Name = "T4", Uuid = "GPU-0", Unhealthy = "it could not be read yet" };

        Host(HostEnvironment.Prod).Publish(Identity, new GpuInventorySnapshot([sick], null));

        Assert.Equal("it could not be read yet", Assert.Single(_facts.Current.Gpus).Unhealthy);
    }

    private HostIdentityProvider Host(HostEnvironment environment) => new(
        new RunningEnvironment(environment),
        new ConfigurationBuilder().Build(),
        Options.Create(new HostOptions()),
        Options.Create(new Ec2Options()),
        Options.Create(new GpuOptions()),
        Options.Create(new GatewayOptions()),
        new NoMetadata(),
        _facts,
        new ManualClock());

    private sealed class NoMetadata : IInstanceMetadata
    {
        public Task<HostIdentity> ReadAsync(CancellationToken cancellationToken) => throw new InstanceMetadataException("This is not EC2.");
    }
}
