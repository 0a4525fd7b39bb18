using Docker.DotNet;
using Docker.DotNet.Models;
using Version = System.Version;

namespace HostService.Infrastructure.Docker;

/// <summary>
/// A client for the newest API version that this service and the engine both support. After an outage the engine may be another one:
/// <see cref="RenewAsync"/> negotiates again.
/// </summary>
internal sealed class EngineConnection : IDisposable
{
    /// <summary>The newest version that was tested; the calls used here have not changed since 1.24.</summary>
    public static readonly Version Newest = new(1, 44);

    private readonly string _configured;
    private readonly DockerClientConfiguration _configuration;
    private readonly DockerClient _anyVersion;
    private readonly SemaphoreSlim _negotiating = new(1);
    private readonly List<DockerClient> _retired = [];
    private volatile Negotiated? _current;

    public EngineConnection(IOptions<DockerOptions> options)
    {
        _configured = options.Value.ApiVersion;

        // Each call has its own timeout.
        var endpoint = new Uri(options.Value.Endpoint);
        _configuration = new DockerClientConfiguration(endpoint, new KeptConnections(endpoint), defaultTimeout: Timeout.InfiniteTimeSpan);
        _anyVersion = _configuration.CreateClient();
    }

    public async ValueTask<IDockerClient> ClientAsync(CancellationToken cancellationToken) =>
        (_current ?? await RenewAsync(cancellationToken)).Client;

    public void Dispose()
    {
        _current?.Client.Dispose();
        _retired.ForEach(c => c.Dispose());
        _anyVersion.Dispose();
        _configuration.Dispose();
        _negotiating.Dispose();
    }

    /// <summary>The older of both sides' newest versions.</summary>
    internal static Version Choose(VersionResponse engine, string configured)
    {
        if (configured.Length > 0)
        {
            return Version.Parse(configured);
        }

        if (!Version.TryParse(engine.APIVersion, out var theirs))
        {
            throw new ContainerEngineException(
                EngineFailure.Refused, $"The engine names no API version (\"{engine.APIVersion}\"): is this a container engine?");
        }

        if (Version.TryParse(engine.MinAPIVersion, out var oldest) && oldest > Newest)
        {
            throw new ContainerEngineException(
                EngineFailure.Refused,
                $"The engine {engine.Version} supports API {oldest} and newer, this service {Newest} and older (see Docker:ApiVersion).");
        }

        return theirs < Newest ? theirs : Newest;
    }

    /// <summary>Asks the engine for its version again.</summary>
    public async Task<Negotiated> RenewAsync(CancellationToken cancellationToken)
    {
        var engine = await _anyVersion.System.GetVersionAsync(cancellationToken);
        var version = Choose(engine, _configured);

        await _negotiating.WaitAsync(cancellationToken);
        try
        {
            if (_current is { } known && known.Api == version)
            {
                return known.Engine == engine.Version ? known : _current = known with { Engine = engine.Version };
            }

            // Running calls may still use the former client.
            if (_current is { } former)
            {
                _retired.Add(former.Client);
            }

            return _current = new Negotiated(_configuration.CreateClient(version), engine.Version, version);
        }
        finally
        {
            _negotiating.Release();
        }
    }

    internal sealed record Negotiated(DockerClient Client, string Engine, Version Api);
}
