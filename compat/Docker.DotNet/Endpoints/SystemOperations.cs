using System.Text.Json;
using Docker.DotNet.Models;

namespace Docker.DotNet;

internal sealed class SystemOperations(DockerClient client) : ISystemOperations
{
    public Task<VersionResponse> GetVersionAsync(CancellationToken cancellationToken = default) =>
        client.AskAsync<VersionResponse>(HttpMethod.Get, "version", null, null, NotFound.IsAnError, cancellationToken);

    public Task PingAsync(CancellationToken cancellationToken = default) =>
        client.AskAsync(HttpMethod.Get, "_ping", null, null, NotFound.IsAnError, null, cancellationToken);

    public Task<SystemInfoResponse> GetSystemInfoAsync(CancellationToken cancellationToken = default) =>
        client.AskAsync<SystemInfoResponse>(HttpMethod.Get, "info", null, null, NotFound.IsAnError, cancellationToken);

    [Obsolete("The overload with a progress reads the events.")]
    public Task<Stream> MonitorEventsAsync(ContainerEventsParameters parameters, CancellationToken cancellationToken) =>
        OpenEventsAsync(parameters, cancellationToken);

    public async Task MonitorEventsAsync(ContainerEventsParameters parameters, IProgress<Message> progress, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(progress);
        var events = await OpenEventsAsync(parameters, cancellationToken).ConfigureAwait(false);
        await using var _ = events.ConfigureAwait(false);
        var messages = JsonSerializer.DeserializeAsyncEnumerable<Message>(events, topLevelValues: true, Wire.Options, cancellationToken);
        await foreach (var message in messages.ConfigureAwait(false))
        {
            progress.Report(message);
        }
    }

    private Task<Stream> OpenEventsAsync(ContainerEventsParameters parameters, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        return client.OpenStreamAsync(HttpMethod.Get, "events", parameters, cancellationToken);
    }
}
