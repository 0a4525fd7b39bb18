using HostService.Grains;
using HostService.Infrastructure.Aws;
using HostService.Infrastructure.Gpu;
using HostService.Silo.Hosting;

namespace HostService.Silo.Startup;

/// <summary>Who this host is (B34): instance metadata on EC2, and locally only where configuration asks for it (B1).</summary>
public sealed class HostIdentityProvider(
    RunningEnvironment running,
    IConfiguration configuration,
    IOptions<HostOptions> host,
    IOptions<Ec2Options> ec2,
    IOptions<GpuOptions> gpu,
    IOptions<Gateway.GatewayOptions> gateway,
    IInstanceMetadata metadata,
    HostInfoSource facts,
    TimeProvider timeProvider)
{
    private HostIdentity? _found;

    /// <summary>Whether the identity comes from instance metadata. A configured endpoint asks for them, too.</summary>
    public bool UsesMetadata => running.Value.IsDeployed || ec2.Value.UseMetadata || configuration["Ec2:MetadataEndpoint"] is not null;

    /// <summary>What <see cref="FindAsync"/> has found: known earlier than <see cref="HostInfoSource"/>.</summary>
    public HostIdentity Found => _found ?? throw new InvalidOperationException("The host's identity is not known yet.");

    public async Task<HostIdentity> FindAsync(CancellationToken cancellationToken) => _found = await ReadAsync(cancellationToken);

    private async Task<HostIdentity> ReadAsync(CancellationToken cancellationToken)
    {
        if (!UsesMetadata)
        {
            var name = host.Value.LocalName;
            return new HostIdentity(name, name, "local", "local", "local", "127.0.0.1");
        }

        try
        {
            return await metadata.ReadAsync(cancellationToken);
        }
        catch (InstanceMetadataException exception)
        {
            throw new StartRefusedException(
                ExitCodes.Refused,
                $"In environment {running.Value.Name} the host service runs on EC2 only, and this machine's instance metadata "
                + $"cannot be read: {exception.Message.TrimEnd('.')}. For a developer's machine set APP_ENV=LOCALDEV.",
                exception);
        }
    }

    /// <summary>Makes identity and GPUs known to the rest of the service.</summary>
    public void Publish(HostIdentity identity, GpuInventorySnapshot gpus)
    {
        if (gpus.WhyNone is { } why && running.Value.IsDeployed)
        {
            throw new StartRefusedException(
                ExitCodes.Refused,
                $"This host has no GPU that it can use: {why} (see 'host-service gpus'). "
                + "A host without one may only run in a local environment (APP_ENV=LOCALDEV).");
        }

        Publish(identity, gpus.Gpus);
    }

    /// <summary>Makes the identity known to the rest of the service, and these GPUs.</summary>
    public void Publish(HostIdentity identity, IReadOnlyList<GpuDescription>? gpus = null) =>
        facts.Set(new HostInfo
        {
            Identity = identity,
            Environment = running.Value,
            Root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(host.Value.Root)),
            Version = ServiceVersion.Line,
            VersionNumber = ServiceVersion.Number,
            Commit = ServiceVersion.Commit,
            StartedAt = timeProvider.GetUtcNow(),
            Gpus = gpus ?? [],
            MandelboxesPerGpu = gpu.Value.MandelboxesPerGpu,
            MinimumFreeGpuMemoryKb = gpu.Value.MinimumFreeMemoryBytes / 1024,
            CpuOnlySlots = host.Value.CpuOnlySlots,
            ReservedTcpPorts = [.. new[] { 4678, gateway.Value.Port }.Where(p => p > 0).Distinct().Select(p => (ushort)p)],
        });
}
