using Docker.DotNet;
using Docker.DotNet.Models;
using Microsoft.Extensions.Options;
using Version = System.Version;

namespace HostService.Infrastructure.Docker;

/// <summary>
/// A client that speaks the newest API version that this service and the engine both know. The engine may be another one after it was away: then
/// <see cref="RenewAsync"/> agrees anew.
/// </summary>
internal sealed class EngineConnection : IDisposable
{
    /// <summary>What was tried out; what is used of it has not changed since 1.24.</summary>
    public static readonly Version Newest = new(1, 44);

    private readonly string _wanted;
    private readonly DockerClientConfiguration _configuration;
    private readonly DockerClient _anyVersion;
    private readonly SemaphoreSlim _negotiating = new(1);
    private readonly List<DockerClient> _retired = [];
    private volatile Agreed? _agreed;

    public EngineConnection(IOptions<DockerOptions> options)
    {
        _wanted = options.Value.ApiVersion;
        // Timeouts are set call by call, where it is known how long a call may take.
        _configuration = new DockerClientConfiguration(new Uri(options.Value.Endpoint), defaultTimeout: Timeout.InfiniteTimeSpan);
        _anyVersion = _configuration.CreateClient();
    }

    public async ValueTask<IDockerClient> ClientAsync(CancellationToken cancellationToken) =>
        (_agreed ?? await AgreeAsync(cancellationToken)).Client;

    /// <summary>Asks the engine for its version again.</summary>
    public async Task<(IDockerClient Client, string EngineVersion, Version ApiVersion)> RenewAsync(CancellationToken cancellationToken)
    {
        var (client, engine, api) = await AgreeAsync(cancellationToken);
        return (client, engine, api);
    }

    public void Dispose()
    {
        _agreed?.Client.Dispose();
        _retired.ForEach(c => c.Dispose());
        _anyVersion.Dispose();
        _configuration.Dispose();
        _negotiating.Dispose();
    }

    /// <summary>The version to speak: the older of both sides' newest ones.</summary>
    internal static Version Choose(VersionResponse engine, string wanted)
    {
        if (wanted.Length > 0)
        {
            return Version.Parse(wanted);
        }

        if (!Version.TryParse(engine.APIVersion, out var theirs))
        {
            throw new ContainerEngineException(EngineFailure.Refused, $"The engine names no API version (\"{engine.APIVersion}\"): is this a container engine?");
        }

        if (Version.TryParse(engine.MinAPIVersion, out var oldest) && oldest > Newest)
        {
            throw new ContainerEngineException(
                EngineFailure.Refused,
                $"The engine {engine.Version} speaks API {oldest} and newer, this service {Newest} and older; set Docker:ApiVersion to try a newer one.");
        }

        return theirs < Newest ? theirs : Newest;
    }

    private async Task<Agreed> AgreeAsync(CancellationToken cancellationToken)
    {
        var engine = await _anyVersion.System.GetVersionAsync(cancellationToken);
        var version = Choose(engine, _wanted);

        await _negotiating.WaitAsync(cancellationToken);
        try
        {
            if (_agreed is { } known && known.Api == version)
            {
                return known.Engine == engine.Version ? known : _agreed = known with { Engine = engine.Version };
            }

            // The former one may still be in use by calls under way.
            if (_agreed is { } former)
            {
                _retired.Add(former.Client);
            }

            return _agreed = new Agreed(_configuration.CreateClient(version), engine.Version, version);
        }
        finally
        {
            _negotiating.Release();
        }
    }

    private sealed record Agreed(DockerClient Client, string Engine, Version Api);
}
