using System.Net;
using Docker.DotNet.Models;

namespace Docker.DotNet;

internal sealed class ContainerOperations(DockerClient client) : IContainerOperations
{
    public async Task<IList<ContainerListResponse>> ListContainersAsync(ContainersListParameters parameters, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        return await client.AskAsync<ContainerListResponse[]>(
            HttpMethod.Get, "containers/json", parameters, null, NotFound.IsAnError, cancellationToken).ConfigureAwait(false);
    }

    public async Task<CreateContainerResponse> CreateContainerAsync(CreateContainerParameters parameters, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        var query = string.IsNullOrEmpty(parameters.Name) ? null : parameters;
        return await client.AskAsync<CreateContainerResponse>(
            HttpMethod.Post, "containers/create", query, parameters, NotFound.IsAnImage, cancellationToken).ConfigureAwait(false);
    }

    public Task<ContainerInspectResponse> InspectContainerAsync(string id, CancellationToken cancellationToken = default) =>
        client.AskAsync<ContainerInspectResponse>(HttpMethod.Get, Path(id, "/json"), null, null, NotFound.IsAContainer, cancellationToken);

    public async Task<bool> StartContainerAsync(string id, ContainerStartParameters parameters, CancellationToken cancellationToken = default)
    {
        var (status, _) = await client.AskAsync(
            HttpMethod.Post, Path(id, "/start"), parameters, null, NotFound.IsAContainer, null, cancellationToken).ConfigureAwait(false);
        return status != HttpStatusCode.NotModified;
    }

    public async Task<bool> StopContainerAsync(string id, ContainerStopParameters parameters, CancellationToken cancellationToken = default)
    {
        var path = Path(id, "/stop");
        ArgumentNullException.ThrowIfNull(parameters);
        var (status, _) = await client.AskAsync(
            HttpMethod.Post, path, parameters, null, NotFound.IsAContainer, Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false);
        return status != HttpStatusCode.NotModified;
    }

    public Task KillContainerAsync(string id, ContainerKillParameters parameters, CancellationToken cancellationToken = default)
    {
        var path = Path(id, "/kill");
        ArgumentNullException.ThrowIfNull(parameters);
        return client.AskAsync(HttpMethod.Post, path, parameters, null, NotFound.IsAContainer, null, cancellationToken);
    }

    public Task PauseContainerAsync(string id, CancellationToken cancellationToken = default) =>
        client.AskAsync(HttpMethod.Post, Path(id, "/pause"), null, null, NotFound.IsAContainer, null, cancellationToken);

    public Task UnpauseContainerAsync(string id, CancellationToken cancellationToken = default) =>
        client.AskAsync(HttpMethod.Post, Path(id, "/unpause"), null, null, NotFound.IsAContainer, null, cancellationToken);

    public Task<ContainerWaitResponse> WaitContainerAsync(string id, CancellationToken cancellationToken = default) =>
        client.AskAsync<ContainerWaitResponse>(
            HttpMethod.Post, Path(id, "/wait"), null, null, NotFound.IsAContainer, cancellationToken, Timeout.InfiniteTimeSpan);

    public Task RemoveContainerAsync(string id, ContainerRemoveParameters parameters, CancellationToken cancellationToken = default)
    {
        var path = Path(id, "");
        ArgumentNullException.ThrowIfNull(parameters);
        return client.AskAsync(HttpMethod.Delete, path, parameters, null, NotFound.IsAContainer, null, cancellationToken);
    }

    private static string Path(string id, string verb) =>
        string.IsNullOrEmpty(id) ? throw new ArgumentNullException(nameof(id)) : $"containers/{id}{verb}";
}
