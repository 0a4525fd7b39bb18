using HostService.Tests.Unit.Ec2;
using HostService.Tests.Unit.Startup;

namespace HostService.Tests.EndToEnd;

/// <summary>Where a service reports its errors, and who it says it is: Sentry and EC2's instance metadata, on loopback.</summary>
internal sealed class ReportServers : IAsyncDisposable
{
    /// <summary>The instance's values in <see cref="Tags"/>.</summary>
    public static readonly string[] Instance = ["ami-0f0f0f0f0f0f0f0f0", "i-0123456789abcdef0", "g4dn.xlarge", "us-east-1", "203.0.113.7"];

    /// <summary>The tags by which an event names the instance (B34a).</summary>
    public static readonly string[] Tags =
        ["aws.ami-id", "aws.instance-id", "aws.instance-type", "aws.placement-region", "aws.public-ipv4"];

    private ReportServers(SentryServer sentry, FakeMetadataService metadata) => (Sentry, Metadata) = (sentry, metadata);

    public SentryServer Sentry { get; }

    public FakeMetadataService Metadata { get; }

    public (string Key, string Value)[] Settings => [("Sentry__Dsn", Sentry.Dsn), ("Ec2__MetadataEndpoint", Metadata.Address)];

    public static async Task<ReportServers> StartAsync() => new(await SentryServer.StartAsync(), await FakeMetadataService.StartAsync());

    public async ValueTask DisposeAsync()
    {
        await Metadata.DisposeAsync();
        await Sentry.DisposeAsync();
    }
}
